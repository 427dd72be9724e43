"""The vocabulary and the decisions of the project, and nothing else.

What may live here: frozen values, tables, and functions or small objects that take the state and
`now` as arguments and return a decision. What may not: awaiting, reading a clock, drawing a random
number, logging, files, sockets, and every import from outside the standard library. The import
rules check it. So each rule of the tool can be read, and tested, without a network or a loop.
"""
