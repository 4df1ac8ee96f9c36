# What a boot sector finds: its drive, its geometry, and that the sectors behind it are there; ends, or gives up by INT 18h
# where its second sector says so: test_bios.py.
        .include "bootsector.inc"
main:
        line "drive"
        movzx dx, byte ptr [drive]
        show dx
        line "es"
        show [segment]
        line "int13"
        mov ah, 8
        mov dl, [drive]
        int 0x13
        carry
        xor bh, bh
        show bx
        show cx
        show dx
        xor ax, ax
        mov es, ax
        mov si, 0x7c00                  # all that was loaded adds up to zero
        mov cx, 16 * 256
        xor bx, bx
1:      lodsw
        add bx, ax
        loop 1b
        sub bx, [drive]
        sub bx, [segment]
        show bx
        mov bp, 0x41 * 4                # what INT 41h and 46h point to
        line "table"
        call table
        mov bp, 0x46 * 4
        line "table"
        call table
        line "el torito"
        mov ax, 0x4b01
        mov dl, [drive]
        mov si, offset packet
        int 0x13
        carry
        jc 3f
        mov cx, 8
        mov si, offset packet
2:      lodsw
        cmp cx, 6                       # the address depends on who wrote the disc
        je 4f
        cmp cx, 5
        je 4f
        show ax
4:      loop 2b
3:      line "2880"                     # whether the drive takes diskettes of so many KiB
        mov ax, 0x1800
        mov cx, 0x4f24
        mov dl, [drive]
        int 0x13
        carry
        line "screen"                   # what the video BIOS has
        mov ah, 0x0f
        int 0x10
        show ax
        mov al, '\n'
        out 0xe9, al
        cmp word ptr [next], 0
        jne 5f
        mov al, 0x10
        out 0xf4, al
5:      int 0x18

table:  push ds
        lds si, [bp]
        mov cx, 8
1:      lodsw
        show ax
        loop 1b
        pop ds
        ret
        .org 0x3fc                      # set by the test
next:   .word 0
sum:    .word 0
        .org 16 * 512
        .equ packet, 0xc000
