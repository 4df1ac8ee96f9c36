/* The boot sector. The firmware has read these 512 bytes to 0000:7C00 and jumps here in real mode, with the
 * number of the drive in DL. It looks whether the CPU is an 80386, reads the rest of the image to where it is
 * linked, right behind, and goes on there (real.S).
 *
 * Up to that look it must run on an 8086, which has no 32-bit registers and no PUSH of a constant: the
 * assembler sees to it. */
        .intel_syntax noprefix
        .code16
        .arch i8086
        .section .boot, "ax"

        .globl boot_sector, boot_drive
boot_sector:
        cli
        xor ax, ax                      /* segments of zero: an offset is an address */
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00                  /* the stack grows down from this code */
        sti
        cld
        .byte 0xea                      /* some firmware starts us at 07C0:0000: far jump to make CS zero */
        .word at_zero, 0
at_zero:
        mov boot_drive, dl
        mov si, offset greeting
        call print

/* Bits 12-15 of FLAGS cannot be cleared on an 8086, nor set on an 80286 in real mode. */
        pushf
        pop ax
        and ax, 0x0fff
        push ax
        popf
        pushf
        pop ax
        and ax, 0xf000
        cmp ax, 0xf000
        je too_old
        mov ax, 0x7000
        push ax
        popf
        pushf
        pop ax
        xor cx, cx
        push cx
        popf                            /* they would stay set: IOPL and NT mean something later */
        sti
        and ax, 0x7000
        jz too_old

/* The drive's geometry: INT 13h, function 08h. If there is no answer it is a diskette of 1440 KiB. */
        mov ah, 8
        mov dl, boot_drive
        xor di, di
        int 0x13
        push ds                         /* ES:DI was the drive's table */
        pop es
        jc next
        and cx, 0x3f
        mov per_track, cx
        mov dl, dh
        xor dh, dh
        inc dx
        mov heads, dx

/* Reads in pieces that end with a track, with the image, or where the DMA controller's 64 KiB page ends. */
next:   mov ax, sector
        mov bx, offset image_sectors
        sub bx, ax                      /* BX: how many are left */
        jz done
        mov cl, 5
        mov dx, ax
        shl dx, cl
        add dx, 0x7c0
        mov es, dx                      /* ES:0 is where they go */
        neg dx
        and dx, 0x0fff
        jz 1f                           /* at the beginning of a page */
        shr dx, cl
        cmp bx, dx
        jbe 1f
        mov bx, dx
1:      xor dx, dx
        div word ptr per_track          /* AX: track, DX: sector in it */
        mov cx, per_track
        sub cx, dx
        cmp bx, cx
        jbe 2f
        mov bx, cx
2:      mov cx, dx
        inc cx                          /* CL: sectors count from 1 */
        xor dx, dx
        div word ptr heads
        mov ch, al                      /* CH: cylinder */
        mov dh, dl                      /* DH: head */
        mov dl, boot_drive
        mov di, 4                       /* a motor may have to start first */
3:      mov ax, bx
        mov ah, 2
        push bx
        xor bx, bx
        int 0x13
        pop bx
        jnc 4f
        xor ax, ax                      /* reset, and again */
        int 0x13
        dec di
        jnz 3b
        mov si, offset unreadable
        jmp stop
4:      add sector, bx
        mov si, offset dot
        call print
        jmp next

too_old:
        mov si, offset needs_386
stop:   call print
        sti
1:      hlt
        jmp 1b

done:   push ds
        pop es
        jmp real_mode

/* Prints the text at SI. */
print:  lodsb
        test al, al
        jz 1f
        mov ah, 0x0e
        mov bx, 7
        int 0x10
        jmp print
1:      ret

greeting:   .asciz "\r\nOrrery's demonstration "
needs_386:  .asciz "needs an 80386 or a later CPU.\r\n"
unreadable: .asciz " cannot be read: disk error.\r\n"
dot:        .asciz "."
boot_drive: .byte 0
sector:     .word 1                     /* the next to read */
per_track:  .word 18
heads:      .word 2
        .org 510
        .word 0xaa55
