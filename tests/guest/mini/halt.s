# Halted with interrupts off: nothing can wake this machine.
#! status 4
#! out halting
#! err ^orrery: .*halted
.include "prelude.inc"
main:
    print "halting\n"
    cli
    hlt
    print "went on\n"
    exit 0
