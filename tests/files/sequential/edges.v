// Rising edges of a bit by comparing with the last one, and by a machine of three states.
// mutant: d & ~last => d | ~last
module original(input clk, input d, output rise);
  reg last = 1;
  always @(posedge clk) last <= d;
  assign rise = d & ~last;
endmodule

module again(input clk, input d, output rise);
  reg [1:0] s = 2;
  always @(posedge clk) s <= d == 0 ? 0 : s == 0 ? 1 : 2;
  assign rise = d & s == 0;
endmodule
