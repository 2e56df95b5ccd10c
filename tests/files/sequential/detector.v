// The sequence 1011: a machine of Moore's, and one of Mealy's with its output delayed.
// mutant: d ? 4 : 2 => d ? 4 : 0
module original(input clk, input d, output seen);
  reg [2:0] s = 0;
  always @(posedge clk)
    case (s)
      0: s <= d ? 1 : 0;
      1: s <= d ? 1 : 2;
      2: s <= d ? 3 : 0;
      3: s <= d ? 4 : 2;
      default: s <= d ? 1 : 2;
    endcase
  assign seen = s == 4;
endmodule

module again(input clk, input d, output seen);
  reg a = 0, b = 0, c = 0, hit = 0;
  always @(posedge clk) begin
    {a, b, c} <= {d, a, b};
    hit <= d & a & ~b & c;
  end
  assign seen = hit;
endmodule
