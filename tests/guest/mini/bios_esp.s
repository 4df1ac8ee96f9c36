# Services of the firmware while a timer's handler comes back with another upper half of ESP, as those of DOS extenders do
# (the timer ticks every 100 microseconds): test_bios.py.
        .include "bootsector.inc"
        .macro result                   # that we are back, and with the ESP we had
        carry
        call check_esp
        .endm
        .macro call_ax vector, ax
        mov ax, \ax
        int \vector
        .endm

main:   cli
        mov esp, 0x7c00
        line "wrap"                     # a stack that goes on at its segment's end
        mov ax, 0x2000
        mov ss, ax
        mov sp, 0x10
        int 0x08
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        result
        mov eax, [8 * 4]
        mov [old_timer], eax
        mov word ptr [8 * 4], offset timer
        mov word ptr [8 * 4 + 2], 0
        mov al, 0x34
        out 0x43, al
        mov al, 120
        out 0x40, al
        mov al, 0
        out 0x40, al
        sti
        line "disk"
        mov di, 2
1:      mov bx, 0x8000
        mov cx, 1
        mov dx, 0x80
        call_ax 0x13, 0x0240
        jc 2f
        dec di
        jnz 1b
2:      result
        line "floppy"
        mov di, 4
1:      mov ax, di                      # a seek each time
        mov ch, al
        mov cl, 1
        mov bx, 0x8000
        mov dx, 0
        call_ax 0x13, 0x0212
        jc 2f
        dec di
        jnz 1b
2:      result
        line "cd"
        mov ah, 0x42
        mov dl, 0xe0
        mov si, offset packet
        int 0x13
        result
        line "wait"
        mov cx, 0
        mov dx, 5000
        mov ah, 0x86
        int 0x15
        result
        line "keys"
        mov cx, 0x1e61
        call_ax 0x16, 0x0500
        call_ax 0x16, 0x0000
        show ax
        result
        line "video"
        call_ax 0x10, 0x0012
        mov di, 20
1:      call_ax 0x10, 0x0e0a
        call_ax 0x10, 0x0e41
        dec di
        jnz 1b
        call_ax 0x10, 0x0003
        result
        line "bell"
        call_ax 0x10, 0x0e07
        result
        line "printer"
        mov dx, 0
        call_ax 0x17, 0x0100
        result
        line "move"
        mov cx, 0x8000
        mov si, offset moves
        mov ah, 0x87
        int 0x15
        result
        cli
        cmp dword ptr [ticks], 1000
        mov al, 0x10
        jae 1f
        mov al, 0x7e
1:      push ax
        mov al, '\n'
        out 0xe9, al
        pop ax
        out 0xf4, al

# The frame is on the stack of whoever was interrupted; what is above 16 bits of its ESP is not.
timer:  inc dword ptr cs:[ticks]
        push ax
        mov al, 0x20
        out 0x20, al
        dec word ptr cs:[until]
        jz 1f
        pop ax
        jmp 2f
1:      mov word ptr cs:[until], 1000   # the BIOS has its ticks, for time-outs
        pop ax
        pushf
        call dword ptr cs:[old_timer]
2:      or esp, 0x3f3a0000
        iret

check_esp:                              # ours changes with every tick, so only the lower half counts
        movzx esp, sp
        push ax
        lea ax, [esp + 4]
        show ax
        pop ax
        ret
        .balign 4
ticks:  .long 0
old_timer: .long 0
until:  .word 1000
packet: .byte 16, 0
        .word 1, 0x8000, 0
        .long 16, 0
moves:  .fill 16, 1, 0
        .word 0xffff
        .byte 0, 0, 1, 0x93, 0, 0
        .word 0xffff
        .byte 0, 0, 0x12, 0x93, 0, 0
        .fill 16, 1, 0
        .org 16 * 512
