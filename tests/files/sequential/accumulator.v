// A sum with a flag for zero, which is computed from the sum, and kept in a register of its own.
// mutant: sum + x => sum - x
module original(input clk, input clear, input [3:0] x, output [3:0] total, output zero);
  reg [3:0] sum = 0;
  always @(posedge clk) sum <= clear ? 0 : sum + x;
  assign total = sum, zero = sum == 0;
endmodule

module again(input clk, input clear, input [3:0] x, output [3:0] total, output zero);
  reg [3:0] acc = 0;
  reg flag = 1;
  wire [3:0] next = (acc + x) & {4{~clear}};
  always @(posedge clk) begin
    acc <= next;
    flag <= ~|next;
  end
  assign total = acc, zero = flag;
endmodule
