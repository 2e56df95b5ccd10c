// A sender of three bits between a start and a stop bit: by a count, and by a shift register with a mark.
// mutant: n <= 5 => n <= 4
module original(input clk, input send, input [2:0] d, output tx, output busy);
  reg [2:0] n = 0, data = 0;
  assign busy = n != 0;
  assign tx = n == 5 ? 0 : n == 4 ? data[0] : n == 3 ? data[1] : n == 2 ? data[2] : 1;
  always @(posedge clk)
    if (busy) n <= n - 1;
    else if (send) begin n <= 5; data <= d; end
endmodule

module again(input clk, input send, input [2:0] d, output tx, output busy);
  reg [5:0] line = 6'b000001;
  assign busy = line[5:1] != 0, tx = line[0];
  always @(posedge clk)
    if (busy) line <= line >> 1;
    else if (send) line <= {2'b11, d, 1'b0};
endmodule
