# Real mode and back: segments, the vector table, 16-bit wrap-around, limits, big real mode.
#! out 16-bit 1234 5678
#! out int 0042 0007
#! out wrap 0000bbaa
#! out limit 0d 0000
#! out stack wrap 0000fffe
#! out far 3000 0010
#! out unreal cafef00d
#! out back 00000010
.include "prelude.inc"
.equ CODE16, 0x20000                    # 2000:0

main:
    mov esi, offset code16
    mov edi, CODE16
    mov ecx, offset code16_end - code16
    rep movsb
    segment 0x40, CODE16, 0xffff, 0x9b, 0
    segment 0x48, CODE16, 0xffff, 0x93, 0
    mov [saved_esp], esp
    lidt [real_idt]
    jmp 0x40:0

back:                                   # in flat protected mode again
    mov eax, 0x18
    mov ds, eax
    mov es, eax
    mov fs, eax
    mov gs, eax
    mov ss, eax
    mov esp, [saved_esp]
    lidt [idtr]
    print "16-bit "
    hex [results], 4
    print " "
    hex [results+4], 4
    newline
    print "int "
    hex [results+8], 4
    print " "
    hex [results+12], 4
    newline
    print "wrap "
    hex [results+16]
    newline
    print "limit "
    hex [results+20], 2
    print " "
    hex [results+24], 4
    newline
    print "stack wrap "
    hex [results+28]
    newline
    print "far "
    hex [results+32], 4
    print " "
    hex [results+36], 4
    newline
    print "unreal "
    hex [0x400000]
    newline
    print "back "
    mov eax, cs
    hex eax
    newline
    exit 0

.code16
code16:
    mov ax, 0x48
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov fs, ax
    mov gs, ax
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    .byte 0xea                          # JMP 2000:real
    .word offset real - code16, 0x2000
real:
    xor ax, ax
    mov ds, ax
    mov ax, 0x3000
    mov ss, ax
    mov sp, 0x1000
    mov ax, 0x4000
    mov es, ax
    mov fs, ax

    # DS:SI plain arithmetic
    mov word ptr ds:[0x6000], 0x1234
    mov bx, 0x6000
    mov ax, [bx]
    mov cs:[r0 - code16], ax
    mov bp, 0x10                        # BP goes with SS
    mov word ptr [bp + 2], 0x5678
    mov ax, 0x3001
    mov ds, ax
    mov ax, ds:[2]
    mov cs:[r1 - code16], ax
    xor ax, ax
    mov ds, ax

    # The vector table: INT 42h
    mov word ptr ds:[0x42 * 4], offset on_int - code16
    mov word ptr ds:[0x42 * 4 + 2], 0x2000
    mov ax, 0x42
    int 0x42
    mov cs:[r2 - code16], ax
    mov cs:[r3 - code16], cx

    # Bytes at offset FFFF and, wrapped, 0; a word there is beyond the limit: INT 0Dh
    mov byte ptr es:[0xffff], 0xaa
    mov byte ptr es:[0], 0xbb
    mov si, 0xffff
    mov al, es:[si]
    mov ah, es:[si + 1]
    mov cs:[r4 - code16], ax
    mov word ptr ds:[0x0d * 4], offset on_gp - code16
    mov word ptr ds:[0x0d * 4 + 2], 0x2000
    xor dx, dx
    mov ax, es:[si]
after_gp:
    mov cs:[r5 - code16], dx

    # PUSH at SP = 0 wraps to FFFE
    xor sp, sp
    push ax
    mov cs:[r7 - code16], sp
    mov sp, 0x1000

    # A far call and its return
    mov byte ptr ss:[0x10], 0xcb        # RETF at 3000:10
    mov ax, cs
    call far_code
    jmp 1f
far_code:
    push cs
    push offset 2f - code16
    push 0x3000
    push 0x11
    mov word ptr ss:[0x11], 0x588c      # placeholder bytes, overwritten below
    mov byte ptr ss:[0x11], 0x8c        # MOV AX, CS; MOV BX, 10h; RETF
    mov byte ptr ss:[0x12], 0xc8
    mov byte ptr ss:[0x13], 0xbb
    mov word ptr ss:[0x14], 0x10
    mov byte ptr ss:[0x16], 0xcb
    retf
2:  mov cs:[r8 - code16], ax
    mov cs:[r9 - code16], bx
    ret
1:
    # Big real mode: a 4 GiB limit loaded in protected mode stays
    cli
    mov ebx, offset gdtr
    mov ax, 0xffff
    mov ds, ax
    sub ebx, 0xffff0
    lgdt ds:[bx]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    mov bx, 0x18
    mov gs, bx
    and al, 0xfe
    mov cr0, eax
    xor bx, bx
    mov gs, bx
    mov ebx, 0x400000
    mov dword ptr gs:[ebx], 0xcafef00d

    # What was found, and back to protected mode
    mov edi, offset results
    mov si, offset r0 - code16
    mov cx, 10
3:  movzx eax, word ptr cs:[si]
    mov gs:[edi], eax
    add si, 2
    add edi, 4
    loop 3b
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long back
    .word 0x10

on_int:
    mov cx, 7
    iret
on_gp:                                  # no error code in real mode: IP points at the instruction
    mov dx, 0x0d
    mov bp, sp
    mov word ptr [bp], offset after_gp - code16
    iret
r0: .word 0
r1: .word 0
r2: .word 0
r3: .word 0
r4: .word 0
r5: .word 0
r6: .word 0
r7: .word 0
r8: .word 0
r9: .word 0
code16_end:
.code32
.data
saved_esp: .long 0
real_idt:
    .word 0x3ff
    .long 0
.balign 4
results: .fill 16, 4, 0
.text
