// A counter to five in binary, and as a ring with one bit set.
// mutant: n == 4 ? 0 => n == 5 ? 0
module original(input clk, input en, output [2:0] count, output last);
  reg [2:0] n = 0;
  always @(posedge clk) if (en) n <= n == 4 ? 0 : n + 1;
  assign count = n, last = n == 4;
endmodule

module again(input clk, input en, output [2:0] count, output last);
  reg [4:0] ring = 5'b00001;
  always @(posedge clk) if (en) ring <= {ring[3:0], ring[4]};
  assign count = {ring[4], ring[3] | ring[2], ring[3] | ring[1]}, last = ring[4];
endmodule
