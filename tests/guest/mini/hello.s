# The debug port both ways, and isa-debug-exit.
#! status 35
#! out hello e9
.include "prelude.inc"
main:
    print "hello "
    in al, 0xe9
    hex eax, 2
    newline
    exit 0x11
