// A bit delayed by four steps: in a chain, and in a ring with a pointer.
// mutant: s[2:0] => s[3:1]
module original(input clk, input d, output q);
  reg [3:0] s = 0;
  always @(posedge clk) s <= {s[2:0], d};
  assign q = s[3];
endmodule

module again(input clk, input d, output q);
  reg [3:0] ring = 0;
  reg [1:0] at = 0;
  always @(posedge clk) begin
    ring[at] <= d;
    at <= at + 1;
  end
  assign q = ring[at];
endmodule
