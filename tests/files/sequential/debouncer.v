// A level that changes after three equal samples: with a counter, and with the last samples.
// mutant: n == 2 => n == 3
module original(input clk, input d, output q);
  reg [1:0] n = 0;
  reg level = 0;
  always @(posedge clk)
    if (d == level) n <= 0;
    else if (n == 2) begin level <= d; n <= 0; end
    else n <= n + 1;
  assign q = level;
endmodule

module again(input clk, input d, output q);
  reg a = 0, b = 0, out = 0;
  always @(posedge clk) begin
    a <= d;
    b <= a;
    if (d == a && a == b) out <= d;
  end
  assign q = out;
endmodule
