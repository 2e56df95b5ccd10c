// Two decimal digits, and one binary number from 0 to 39 that is split into digits.
// mutant: tens == 3 => tens == 2
module original(input clk, input en, output [1:0] high, output [3:0] low);
  reg [1:0] tens = 0;
  reg [3:0] ones = 0;
  always @(posedge clk) if (en) begin
    ones <= ones == 9 ? 0 : ones + 1;
    if (ones == 9) tens <= tens == 3 ? 0 : tens + 1;
  end
  assign high = tens, low = ones;
endmodule

module again(input clk, input en, output [1:0] high, output [3:0] low);
  reg [5:0] n = 0;
  always @(posedge clk) if (en) n <= n == 39 ? 0 : n + 1;
  assign high = n >= 30 ? 3 : n >= 20 ? 2 : n >= 10 ? 1 : 0;
  assign low = n >= 30 ? n - 30 : n >= 20 ? n - 20 : n >= 10 ? n - 10 : n;
endmodule
