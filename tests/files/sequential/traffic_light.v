// A light by phase and time, and by one count of the whole cycle.
// mutant: left <= 3 => left <= 2
module original(input clk, input en, output red, output yellow, output green);
  reg [1:0] phase = 0;
  reg [2:0] left = 4;
  always @(posedge clk) if (en)
    if (left != 0) left <= left - 1;
    else case (phase)
      0: begin phase <= 1; left <= 3; end
      1: begin phase <= 2; left <= 0; end
      default: begin phase <= 0; left <= 4; end
    endcase
  assign red = phase == 0, green = phase == 1, yellow = phase == 2;
endmodule

module again(input clk, input en, output red, output yellow, output green);
  reg [3:0] t = 0;
  always @(posedge clk) if (en) t <= t == 9 ? 0 : t + 1;
  assign red = t < 5, green = t >= 5 && t < 9, yellow = t == 9;
endmodule
