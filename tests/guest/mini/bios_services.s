# The services of the firmware, one line for each: what test_bios.py compares.
        .include "bootsector.inc"

        .macro call_ax vector, ax
        mov ax, \ax
        int \vector
        .endm

main:
# ---- equipment, memory ----
        line "int11"
        int 0x11
        show ax
        line "int12"
        int 0x12
        show ax
        line "left"                     # by POST: IRQs, the keyboard's last byte, FPU, IDT
        in al, 0xa1
        mov ah, al
        in al, 0x60
        show ax
        mov dx, 0x3fb                   # COM1's LCR, MCR
        in ax, dx
        show ax
        mov dx, 0x3f4                   # the floppy controller waits for a command
        in al, dx
        mov ah, 0
        show ax
        fnstcw [buffer]
        show [buffer]
        sidt [buffer]
        show [buffer]
        line "88"
        call_ax 0x15, 0x8800
        carry
        show ax
        line "e801"
        call_ax 0x15, 0xe801
        carry
        show ax
        show bx
        show cx
        show dx
        xor ebx, ebx
1:      mov eax, 0xe820
        mov edx, 0x534d4150
        mov ecx, 20
        mov edi, offset buffer
        int 0x15
        line "e820"
        carry
        jc 2f
        mov si, offset buffer
        mov cx, 10
3:      lodsw
        show ax
        loop 3b
        test ebx, ebx
        jnz 1b
2:      mov eax, 0xe820                 # a wrong signature is refused
        xor edx, edx
        int 0x15
        line "e820 bad"
        carry

        line "free"                     # vectors of nobody's: an INT does nothing, or they are zero
        int 0xff
        int 0x78
        int 0x67
        show [0x60 * 4]
        show [0x79 * 4]

# ---- INT 15h ----
        line "c0"
        call_ax 0x15, 0xc000
        carry
        mov cx, 5
        mov di, bx
1:      mov ax, es:[di]
        add di, 2
        show ax
        loop 1b
        xor ax, ax
        mov es, ax
        line "c1"
        call_ax 0x15, 0xc100
        carry
        show es
        mov ax, es:[0]
        show ax
        xor ax, ax
        mov es, ax
        line "a20"
        call_ax 0x15, 0x2403
        show bx
        call_ax 0x15, 0x2400
        call_ax 0x15, 0x2402
        show ax
        call_ax 0x15, 0x2401
        call_ax 0x15, 0x2402
        carry
        show ax
        cli                             # as memory managers do: by the controller, which is what counts then
        mov al, 0xdd
        call output_port
        call_ax 0x15, 0x2402
        show ax
        mov al, 0xdf
        call output_port
        call_ax 0x15, 0x2402
        show ax
        sti
        line "87"                       # 64 bytes of ourselves to 1 MiB + 1234h, and back to the buffer
        mov word ptr [moves + 0x12], 0x7c00
        mov byte ptr [moves + 0x14], 0
        mov word ptr [moves + 0x1a], 0x1234
        mov byte ptr [moves + 0x1c], 0x10
        call block_move
        mov word ptr [moves + 0x12], 0x1234
        mov byte ptr [moves + 0x14], 0x10
        mov word ptr [moves + 0x1a], offset buffer
        mov byte ptr [moves + 0x1c], 0
        call block_move
        mov si, 0x7c00
        mov di, offset buffer
        mov cx, 64
        repe cmpsb
        show cx
        line "86"                       # 100 ms are two ticks of 55 ms, more or less
        mov ebp, [0x46c]
1:      cmp ebp, [0x46c]
        je 1b
        mov ebp, [0x46c]
        mov cx, 1
        mov dx, 0x86a0
        mov ah, 0x86
        int 0x15
        carry
        mov eax, [0x46c]
        sub eax, ebp
        show ax
        line "83"
        mov byte ptr [flag], 0
        mov cx, 0
        mov dx, 5000
        mov bx, offset flag
        call_ax 0x15, 0x8300
        carry
        call_ax 0x15, 0x8300            # a second one is refused
        carry
1:      test byte ptr [flag], 0x80
        jz 1b
        mov al, [flag]
        xor ah, ah
        show ax
        line "4f"
        clc
        call_ax 0x15, 0x4f1e
        carry
        show ax
        line "ec"
        mov bl, 1
        call_ax 0x15, 0xec00
        carry
        line "apm"
        xor bx, bx
        call_ax 0x15, 0x5300
        carry
        show ax
        show bx
        show cx
        mov bx, 1
        call_ax 0x15, 0x530a
        carry
        show bx
        call_ax 0x15, 0x530b
        carry
        show ax
        line "none"
        call_ax 0x15, 0xd8ff
        carry
        show ax

# ---- INT 1Ah ----
        line "time"
        call_ax 0x1a, 0x0200
        carry
        show cx
        call_ax 0x1a, 0x0400
        carry
        show cx
        show dx
        line "set"
        mov cx, 0x1234
        mov dx, 0x5600
        call_ax 0x1a, 0x0300
        call_ax 0x1a, 0x0200
        show cx
        show dx
        mov cx, 0x2031
        mov dx, 0x0203
        call_ax 0x1a, 0x0500
        call_ax 0x1a, 0x0400
        show cx
        show dx
        line "ticks"
        mov cx, 0x0018
        mov dx, 0x00ae
        call_ax 0x1a, 0x0100            # two before midnight
1:      call_ax 0x1a, 0x0000
        test al, al
        jz 1b
        show ax
        show cx
        show dx
        line "alarm"
        mov word ptr [4 * 0x4a], offset on_alarm
        mov word ptr [4 * 0x4a + 2], 0
        mov cx, 0x1235
        mov dx, 0x0000
        call_ax 0x1a, 0x0600
        carry
        mov cx, 0x1234                  # two seconds before
        mov dx, 0x5800
        call_ax 0x1a, 0x0300
1:      hlt
        cmp byte ptr [rang], 0
        je 1b
        call_ax 0x1a, 0x0700
        carry
        line "pci"
        call_ax 0x1a, 0xb101
        carry
        show ax
        show bx
        show cx
        show dx
        mov cx, 0x7010
        mov dx, 0x8086
        xor si, si
        call_ax 0x1a, 0xb102
        carry
        show bx
        inc si
        call_ax 0x1a, 0xb102
        carry
        show ax
        mov ecx, 0x030000
        xor si, si
        call_ax 0x1a, 0xb103
        carry
        show bx
        xor di, di
        call_ax 0x1a, 0xb109
        carry
        show cx
        inc di
        call_ax 0x1a, 0xb109            # not a multiple of two
        carry
        show ax
        mov di, 0x3c
        mov cl, 0x5a
        call_ax 0x1a, 0xb10b
        mov di, 0x10
        call_ax 0x1a, 0xb10a
        mov eax, ecx
        shr eax, 16
        show ax
        show cx
        line "pirq"
        mov word ptr [buffer], 0
        mov word ptr [buffer + 2], offset buffer + 8
        mov word ptr [buffer + 4], 0
        mov di, offset buffer
        call_ax 0x1a, 0xb10e            # the room is too small
        carry
        show ax
        mov ax, [buffer]
        show ax
        call_ax 0x1a, 0xb10e
        carry
        show bx
        mov ax, [buffer + 8]
        show ax

# ---- INT 16h ----
        line "keys"
        mov cx, 0x1e61
        call_ax 0x16, 0x0500
        show ax
        call_ax 0x16, 0x0100
        jz 1f
        show ax
1:      call_ax 0x16, 0x0000
        show ax
        call_ax 0x16, 0x0100
        jnz 1f
        line "empty"
1:      mov cx, 0x48e0                  # the grey arrow
        call_ax 0x16, 0x0500
        call_ax 0x16, 0x0500
        call_ax 0x16, 0x1000
        show ax
        call_ax 0x16, 0x0000
        show ax
        mov cx, 0x8500                  # F11 is not there for the old ones
        call_ax 0x16, 0x0500
        call_ax 0x16, 0x0100
        jnz 1f
        line "no f11"
1:      call_ax 0x16, 0x0900
        show ax
        line "typematic"
        mov bx, 0x0000
        call_ax 0x16, 0x0305
        mov si, offset typed
1:      lodsb
        cmp al, 0xff
        je 5f
        cmp al, 0xfe
        je 3f
        call scan
        jmp 1b
3:      call_ax 0x16, 0x1100            # a key is expected
        jz 4f
        call_ax 0x16, 0x1000
        line "key"
        show ax
        jmp 1b
4:      line "no key"
        jmp 1b
5:      line "shifts"
        mov al, 0x2a                    # left shift and right control
        call scan
        mov al, 0xe0
        call scan
        mov al, 0x1d
        call scan
        call_ax 0x16, 0x1200
        show ax
        mov al, 0xe0
        call scan
        mov al, 0x9d
        call scan
        mov al, 0xaa
        call scan
        call_ax 0x16, 0x1200
        show ax
        line "break"
        mov word ptr [4 * 0x1b], offset on_break
        mov word ptr [4 * 0x1b + 2], 0
        mov al, 0x1d
        call scan
        mov al, 0xe0
        call scan
        mov al, 0x46
        call scan
        mov al, 0x9d
        call scan
        mov al, [0x471]
        mov ah, [broke]
        show ax
        call_ax 0x16, 0x0000
        show ax
        line "hook"                     # INT 15/4F makes an A a B
        mov ax, [4 * 0x15]
        mov [old], ax
        mov ax, [4 * 0x15 + 2]
        mov [old + 2], ax
        mov word ptr [4 * 0x15], offset on_key
        mov word ptr [4 * 0x15 + 2], 0
        mov al, 0x1e
        call scan
        call_ax 0x16, 0x0000
        show ax

# ---- the mouse ----
        line "mouse"
        mov bh, 3
        call_ax 0x15, 0xc205
        carry
        show bx
        call_ax 0x15, 0xc204
        carry
        show bx
        mov bh, 1                       # not without a handler
        call_ax 0x15, 0xc200
        carry
        show ax
        mov bx, offset on_mouse
        call_ax 0x15, 0xc207
        carry
        mov bh, 3
        call_ax 0x15, 0xc203
        carry
        mov bh, 1
        call_ax 0x15, 0xc200
        carry
        mov bh, 0
        call_ax 0x15, 0xc206
        carry
        xor ch, ch
        xor dh, dh
        show bx
        show cx
        show dx
        mov al, 0x09                    # a packet: left button, right 5, down 3
        call move
        mov al, 5
        call move
        mov al, 0xfd
        call move
        mov ax, [moved]
        show ax
        mov ax, [moved + 2]
        show ax
        mov ax, [moved + 4]
        show ax
        mov ax, [moved + 6]
        show ax

# ---- ports, drives, places ----
        line "serial"
        xor dx, dx
        call_ax 0x14, 0x00e3
        show ax
        call_ax 0x14, 0x0158
        show ax
        mov dx, 3
        call_ax 0x14, 0x0300
        show ax
        line "printer"
        xor dx, dx
        call_ax 0x17, 0x0200
        show ax
        line "disk"
        xor bx, bx
        mov ah, 8
        mov dl, [drive]
        int 0x13
        carry
        show bx
        show cx
        show dx
        xor ax, ax
        mov es, ax
        mov ah, 0x15
        mov dl, [drive]
        int 0x13
        carry
        show ax
        mov ax, 0x0201                  # no such head
        mov cx, 0x0001
        mov dh, 0x40
        mov dl, [drive]
        mov bx, offset buffer
        int 0x13
        line "error"
        carry
        show ax
        mov ah, 1
        mov dl, [drive]
        int 0x13
        carry
        show ax
        line "edd"
        mov bx, 0x55aa
        mov ah, 0x41
        mov dl, [drive]
        int 0x13
        carry
        show bx
        show cx
        mov ah, 0x42
        mov dl, [drive]
        mov si, offset packet
        int 0x13
        carry
        mov ax, [buffer + 510]
        show ax
        mov word ptr [buffer], 26
        mov ah, 0x48
        mov dl, [drive]
        mov si, offset buffer
        int 0x13
        carry
        mov ax, [buffer + 16]
        show ax
        mov ax, [buffer + 24]
        show ax
# ---- who hooks the timer finds the stack that was interrupted; drives may interrupt ----
        line "tick"
        cli
        mov dword ptr [0x1c * 4], offset on_tick
        mov word ptr [ticked], 0xffff
        mov ebx, 0x10001                # that the handler leaves others in does not matter
        mov ecx, 0x20002
        mov esi, 0x40004
        mov edi, 0x80008
        mov ebp, 0x100010
        sti
1:      cmp word ptr [ticked], 0xffff
        je 1b
        show [ticked]
        add ebx, ecx
        add esi, edi
        add ebx, esi
        add ebx, ebp
        show bx
        shr ebx, 16
        show bx
        show es
        line "drive"
        mov dx, 0x176
        mov al, 0xa0
        out dx, al
        inc dx
        mov al, 0xa1                    # IDENTIFY PACKET DEVICE
        out dx, al
        mov dx, 0x376
1:      in al, dx
        test al, 0x80
        jnz 1b
        mov al, 0x0a                    # the 8259's requests
        out 0xa0, al
        in al, 0xa0
        and ax, 0x80
        show ax
        mov dx, 0x177
        in al, dx

# ---- the BIOS32 directory and the PCI BIOS, from a segment of only the firmware ----
        line "bios32"
        mov ax, 0xf000
        mov fs, ax
        xor di, di
1:      add di, 16
        cmp dword ptr fs:[di], 0x5f32335f       # "_32_"
        jne 1b
        mov eax, fs:[di + 4]
        sub eax, 0xe0000
        mov [service], eax
        cli
        lgdt [narrow]
        mov eax, cr0
        or al, 1
        mov cr0, eax
        jmp 0x08:1f
        .code32
1:      mov eax, 0x10
        mov ss, ax
        movzx esp, sp
        mov eax, 0x20
        mov ds, ax
        mov es, ax
        mov eax, 0x49435024             # "$PCI"
        xor ebx, ebx
        call far ptr ss:[service]
        mov ss:[service], edx
        mov ss:[found], ebx
        mov ss:[found + 4], al
        mov eax, 0xb101
        call far ptr ss:[service]
        setc al
        mov ss:[found + 6], ax
        mov ss:[found + 8], bx
        mov ss:[found + 10], edx
        mov eax, 0x30
        mov ds, ax
        mov es, ax
        mov ss, ax
        jmp 0x28:1f
        .code16
1:      mov eax, cr0
        and al, 0xfe
        mov cr0, eax
        jmp 0:1f
1:      xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        sti
        mov si, offset found
        mov cx, 7
1:      lodsw
        show ax
        loop 1b

        line "places"
        mov ax, 0xf000
        mov es, ax
        mov ax, es:[0xfffe]
        show ax
        mov ax, es:[0xfff0]
        xor ah, ah
        show ax
        mov ax, es:[0xff53]
        xor ah, ah
        show ax
        mov ax, es:[0xfff5 + 2]
        show ax
        mov byte ptr es:[0xff53], 0     # the ROM is not written to
        mov al, es:[0xff53]
        xor ah, ah
        show ax
        mov si, offset names
5:      mov eax, [si]
        test eax, eax
        jz 7f
        mov bx, 0xf000
        mov es, bx
        xor di, di
6:      cmp es:[di], eax
        je 1f
        add di, 16
        jnz 6b
        line "absent"
        jmp 2f
1:      call say
        .asciz " +"
2:      add si, 4
        jmp 5b
7:      finish 0x10

block_move:
        mov si, offset moves
        mov cx, 32
        mov ah, 0x87
        int 0x15
        carry
        ret
output_port:
        mov bl, 0xd1
        jmp 2f
move:   mov bl, 0xd3                    # AL as if the mouse had sent it
        jmp 2f
scan:   mov bl, 0xd2                    # the keyboard
2:      push ax
1:      in al, 0x64
        test al, 3
        jnz 1b
        mov al, bl
        out 0x64, al
1:      in al, 0x64
        test al, 2
        jnz 1b
        pop ax
        out 0x60, al
        push cx
        mov cx, 40                      # 600 us: until the interrupt is over
1:      in al, 0x61
        and al, 0x10
        cmp al, ah
        je 1b
        mov ah, al
        loop 1b
        pop cx
        ret
on_alarm:
        inc byte ptr cs:[rang]
        iret
on_tick:
        mov cs:[ticked], ss
        mov ebx, 0xffffffff
        mov ecx, ebx
        mov esi, ebx
        mov edi, ebx
        mov ebp, ebx
        mov es, bx
        iret
on_mouse:
        push bp
        mov bp, sp
        push ax
        mov ax, [bp + 6]
        mov cs:[moved], ax
        mov ax, [bp + 8]
        mov cs:[moved + 2], ax
        mov ax, [bp + 10]
        mov cs:[moved + 4], ax
        mov ax, [bp + 12]
        mov cs:[moved + 6], ax
        pop ax
        pop bp
        retf
on_break:
        inc byte ptr cs:[broke]
        iret
on_key: cmp ah, 0x4f
        jne 1f
        cmp al, 0x1e
        jne 1f
        mov al, 0x30
        stc
        retf 2
1:      jmp dword ptr cs:[old]

typed:  .byte 0x1e, 0x9e, 0xfe                                  # a
        .byte 0x2a, 0x1e, 0x9e, 0xaa, 0xfe                      # A
        .byte 0x1d, 0x2e, 0xae, 0x9d, 0xfe                      # Ctrl-C
        .byte 0x38, 0x2d, 0xad, 0xb8, 0xfe                      # Alt-X
        .byte 0x3a, 0xba, 0x1e, 0x9e, 0xfe, 0x3a, 0xba          # Caps Lock
        .byte 0x3b, 0xbb, 0xfe, 0x2a, 0x3b, 0xbb, 0xaa, 0xfe    # F1, Shift-F1
        .byte 0x57, 0xd7, 0xfe                                  # F11
        .byte 0x45, 0xc5, 0x48, 0xc8, 0xfe, 0x45, 0xc5          # keypad 8, Num Lock on
        .byte 0x48, 0xc8, 0xfe                                  # off: arrow
        .byte 0xe0, 0x48, 0xe0, 0xc8, 0xfe                      # grey arrow
        .byte 0xe0, 0x1c, 0xe0, 0x9c, 0xfe                      # keypad Enter
        .byte 0x38, 0x4b, 0xcb, 0x4d, 0xcd, 0xb8, 0xfe          # Alt with 4 and 6 at the keypad
        .byte 0x2a, 0xaa, 0xfe                                  # a shift alone
        .byte 0xff
names:  .ascii "_32_$PIR_SM__MP_RSD $PnP"
        .long 0
        .balign 16
moves:  .fill 16, 1, 0
        .word 0xffff, 0, 0x9300, 0
        .word 0xffff, 0, 0x9300, 0
        .fill 16, 1, 0
packet: .byte 16, 0
        .word 1, offset buffer, 0
        .quad 0
        .balign 8                       # code and data: all, 32 bits; the firmware's; 16 bits
gdt:    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
        .quad 0x00419a0e0000ffff, 0x0041900e0000ffff
        .quad 0x00009a000000ffff, 0x000092000000ffff
narrow: .word 7 * 8 - 1
        .long gdt
service: .long 0
        .word 0x18
found:  .fill 7, 2, 0
old:    .word 0, 0
moved:  .word -1, -1, -1, -1
ticked: .word 0
flag:   .byte 0
rang:   .byte 0
broke:  .byte 0
        .org 16 * 512
        .equ buffer, 0xc000
