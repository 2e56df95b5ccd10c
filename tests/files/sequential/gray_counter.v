// A binary counter with a Gray output, and a counter whose state is Gray.
// mutant: n <= n + 1 => n <= n + 2
module original(input clk, input en, output [3:0] gray);
  reg [3:0] n = 0;
  always @(posedge clk) if (en) n <= n + 1;
  assign gray = n ^ (n >> 1);
endmodule

module again(input clk, input en, output [3:0] gray);
  reg [3:0] g = 0;
  wire [3:0] n = {g[3], ^g[3:2], ^g[3:1], ^g};
  wire [3:0] m = n + 1;
  always @(posedge clk) if (en) g <= m ^ (m >> 1);
  assign gray = g;
endmodule
