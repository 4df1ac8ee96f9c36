# An IDT without entries: #UD cannot be delivered, nor the #GP of that, nor the #DF of those: shutdown.
#! status 3
#! out going
#! err triple fault
#! err first fault: vector 0x06 at 0010:00100[0-9a-f]{3}
#! err second fault: vector 0x0d at 0010:00100[0-9a-f]{3} error code 0032
#! err third fault: vector 0x0[8d] at 0010:00100[0-9a-f]{3}
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
