// One recurrence, a[n+5] = a[n+2] ^ a[n], by a register of Fibonacci's form and one of Galois's.
// mutant: s[2] ^ s[0] => s[3] ^ s[0]
module original(input clk, input en, output y);
  reg [4:0] s = 5'b00001;
  always @(posedge clk) if (en) s <= {s[2] ^ s[0], s[4:1]};
  assign y = s[0];
endmodule

module again(input clk, input en, output y);
  reg [4:0] g = 5'b01001;
  always @(posedge clk) if (en) g <= g[0] ? (g >> 1) ^ 5'b10100 : g >> 1;
  assign y = g[0];
endmodule
