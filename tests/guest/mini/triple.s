# An IDT without entries: neither #UD nor the #GP for its gate (0033) nor the #GP for that one's (006b), which makes a
# double fault, nor that can be delivered (0043). The report has the first fault and the last two.
#! status 3
#! args -no-reboot
#! out going
#! err triple fault
#! err first fault: vector 0x06 at 0010:00100[0-9a-f]{3}
#! err second fault: vector 0x0d at 0010:00100[0-9a-f]{3} error code 006b
#! err third fault: vector 0x0d at 0010:00100[0-9a-f]{3} error code 0043
#! err EAX=12345678 .*ECX=9abcdef0
#! err EIP=00100[0-9a-f]{3}
.include "prelude.inc"
main:
    print "going\n"
    mov eax, 0x12345678
    mov ecx, 0x9abcdef0
    lidt [none]
    ud2
.data
none:
    .word 0
    .long 0
