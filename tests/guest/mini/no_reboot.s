# The same under -no-reboot: a reset ends the run.
#! status 0
#! args -no-reboot
#! out start
.include "prelude.inc"
main:
    print "start\n"
    mov al, 0xfe
    out 0x64, al
1:  jmp 1b
