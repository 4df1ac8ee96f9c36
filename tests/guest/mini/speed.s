# A 486 is as slow as it was: 60 million instructions take a second of the PIT's time.
#! args -cpu 486
#! out ok
.include "prelude.inc"
.macro latch to                         # how far channel 0 has counted down
    mov al, 0
    out 0x43, al
    in al, 0x40
    mov ah, al
    in al, 0x40
    xchg al, ah
    movzx \to, ax
.endm
main:
    mov al, 0x34                        # mode 2, from 65536
    out 0x43, al
    mov al, 0
    out 0x40, al
    out 0x40, al
    latch ebx
    mov ecx, 600000                     # 20 ms: 23864 clocks
1:  dec ecx
    jnz 1b
    latch edx
    sub ebx, edx
    and ebx, 0xffff
    cmp ebx, 23800
    jb 2f
    cmp ebx, 23930
    ja 2f
    print "ok\n"
    exit 0
2:  hex ebx
    newline
    exit 1
