# Which generation a program takes the CPU for, before and after services of firmware: PUSH SP, FLAGS bits 12 to 15, shift
# counts, and what an interrupt pushes. (No expectations here: test_bios.py has them.)
.include "bootsector.inc"
        .arch i8086, jumps

main:
        call look
        line "int11"
        int 0x11
        show ax
        line "ticks"                    # firmware's handler of an interrupt, and back in the middle of a loop
        sti
        mov bx, [0x46c]
1:      cmp bx, [0x46c]
        je 1b
        call look
        line "disk"                     # a sector by INT 13h
        mov ax, 0x0201
        mov bx, 0x3000
        mov cx, 1
        mov dh, 0
        mov dl, [drive]
        int 0x13
        carry
        show [0x31fe]
        line "block move"               # which goes through protected mode
        mov si, offset table
        mov cx, 256
        mov ah, 0x87
        int 0x15
        carry
        show [0x41fe]
        call look
        line "screen"
        mov ah, 0x0f
        int 0x10
        show ax
        call look
        finish 0x10

look:   line "push sp"
        mov bx, sp
        push sp
        pop ax
        sub ax, bx
        show ax
        line "flags"
        pushf
        pop ax
        and ax, 0xf000
        show ax
        xor ax, ax
        push ax
        popf
        pushf
        pop ax
        and ax, 0xf000
        show ax
        mov ax, 0xf000
        push ax
        popf
        pushf
        pop ax
        and ax, 0xf000
        show ax
        xor ax, ax
        push ax
        popf
        line "shift"
        mov ax, 0x8000
        mov cl, 33
        shr ax, cl
        show ax
        line "pushed"                   # by INT
        push [0x80 * 4]
        push [0x80 * 4 + 2]
        mov word ptr [0x80 * 4], offset handler
        mov word ptr [0x80 * 4 + 2], 0
        int 0x80
        pop [0x80 * 4 + 2]
        pop [0x80 * 4]
        and ax, 0xf000
        show ax
        sti
        ret

handler:
        mov bp, sp
        mov ax, [bp + 4]
        iret

        .balign 8
table:  .quad 0, 0
        .word 0xffff, 0x3000, 0x9300, 0 # source
        .word 0xffff, 0x4000, 0x9300, 0 # target
        .quad 0, 0
