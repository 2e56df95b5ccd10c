"""Logic in memory as a target: programs of MAGIC NOR or RM3 steps on the cells of one row of memristors."""
