# Reads of a diskette by INT 13h with what programs put into the table of INT 1Eh. Each sector behind this program begins
# with its number; what is printed is the status, the number of the first one read, and how many follow in order: test_bios.py.
        .include "bootsector.inc"
        .macro read name, last, cx, dx, count
        line "\name"
        les bx, [0x78]
        mov byte ptr es:[bx + 4], \last
        mov ax, 0x200 + \count
        mov cx, \cx
        mov dx, \dx
        call read_and_show
        .endm

main:   les si, [0x78]                  # a table of our own, as DOS has one
        mov di, offset own_table
        mov cx, 11
1:      mov al, es:[si]
        mov [di], al
        inc si
        inc di
        loop 1b
        mov word ptr [0x78], offset own_table
        mov word ptr [0x7a], 0
        read "usual", 18, 0x1405, 0, 14
        read "raised", 0x83, 0x1405, 0, 14
        read "to 255", 255, 0x1401, 0x100, 18
        read "across", 18, 0x1405, 0, 40
        read "raised across", 0x83, 0x1405, 0, 40
        read "lowered", 9, 0x1405, 0, 5
        finish 0x10

read_and_show:
        mov bx, 0x1000
        mov es, bx
        xor bx, bx
        push ax
        int 0x13
        carry
        show ax
        pop ax
        show es:[0]
        movzx cx, al                    # how many are as they should be
        mov ax, es:[0]
        xor dx, dx
        xor bx, bx
1:      cmp es:[bx], ax
        jne 2f
        inc ax
        inc dx
        add bx, 512
        loop 1b
2:      show dx
        push 0
        pop es
        ret
own_table:
        .org 16 * 512
