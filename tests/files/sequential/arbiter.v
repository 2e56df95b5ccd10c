// Three clients in turn: whose turn it is as a number, and as a token.
// mutant: turn == 2 ? 0 => turn == 2 ? 1
module original(input clk, input [2:0] want, output [2:0] grant);
  reg [1:0] turn = 0;
  wire [5:0] moved = {want, want} >> turn;
  wire [1:0] step = moved[0] ? 0 : moved[1] ? 1 : 2;
  wire [2:0] sum = turn + step;
  wire [1:0] who = sum >= 3 ? sum - 3 : sum;
  assign grant = want == 0 ? 0 : 3'b001 << who;
  always @(posedge clk) turn <= turn == 2 ? 0 : turn + 1;
endmodule

module again(input clk, input [2:0] want, output [2:0] grant);
  reg a = 1, b = 0, c = 0;
  wire [2:0] from_b = want[1] ? 2 : want[2] ? 4 : want;
  wire [2:0] from_c = want[2] ? 4 : want[0] ? 1 : want;
  assign grant = a ? want & -want : b ? from_b : from_c;
  always @(posedge clk) {a, b, c} <= {c, a, b};
endmodule
