// Pulses of a given width by counting up and by counting down.
// mutant: n < width => n <= width
module original(input clk, input [2:0] width, output pulse);
  reg [2:0] n = 0;
  always @(posedge clk) n <= n + 1;
  assign pulse = n < width;
endmodule

module again(input clk, input [2:0] width, output pulse);
  reg [2:0] down = 7;
  always @(posedge clk) down <= down - 1;
  assign pulse = {1'b0, down} + width > 7;
endmodule
