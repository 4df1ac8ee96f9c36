# Moves the extended BIOS data area, as EMM386 of MS-DOS does, and sees that INT 15h and the mouse's services follow it:
# test_bios.py.
        .include "bootsector.inc"
        .equ NEW, 0x2000
main:   line "before"
        mov ax, 0xc100
        int 0x15
        carry
        show es
        mov ax, es
        mov ds, ax
        mov ax, NEW
        mov es, ax
        xor si, si
        xor di, di
        mov cx, 512
        rep movsw
        xor si, si                      # what was there is somebody else's memory now
        mov cx, 512
1:      mov word ptr [si], 0x5aa5
        add si, 2
        loop 1b
        mov bp, ds
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov word ptr [0x40e], NEW
        mov word ptr [0x413], 640
        line "after"
        mov ax, 0xc100
        int 0x15
        carry
        show es
        xor ax, ax
        mov es, ax
        line "mouse"
        mov ax, 0xc205                  # packets of three bytes
        mov bh, 3
        int 0x15
        carry
        mov ax, 0xc207
        mov bx, offset handler
        int 0x15
        carry
        mov ax, 0xc200
        mov bh, 1
        int 0x15
        carry
        mov ax, NEW
        mov es, ax
        show es:[0x22]
        show es:[0x24]
        line "old"
        mov ds, bp
        xor si, si
        xor dx, dx
        mov cx, 512
2:      lodsw
        cmp ax, 0x5aa5
        je 3f
        inc dx
3:      loop 2b
        show dx
        finish 0x10
handler: retf
        .org 16 * 512
