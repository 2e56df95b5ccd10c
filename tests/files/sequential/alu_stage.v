// A stage of a pipeline: operands kept and then combined, and the result kept.
// mutant: a - b => b - a
module original(input clk, input [1:0] op, input [2:0] x, input [2:0] y, output [2:0] z);
  reg [1:0] f = 0;
  reg [2:0] a = 0, b = 0;
  always @(posedge clk) begin f <= op; a <= x; b <= y; end
  assign z = f == 0 ? a + b : f == 1 ? a - b : f == 2 ? a & b : a ^ b;
endmodule

module again(input clk, input [1:0] op, input [2:0] x, input [2:0] y, output [2:0] z);
  reg [2:0] r = 0;
  always @(posedge clk)
    case (op)
      0: r <= x + y;
      1: r <= x + ~y + 1;
      2: r <= ~(~x | ~y);
      3: r <= (x | y) & ~(x & y);
    endcase
  assign z = r;
endmodule
