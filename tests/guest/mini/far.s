# Far transfers in real mode: what they push and pop, in both sizes, and a target beyond the limit.
#! out call cs 2000 ip ok sp 0ff6
#! out call32 2000 ip ok sp 0ff0
#! out indirect 2000 3001
#! out retf n 1004
#! out jmp 2001
#! out limit 0d sp 1000 pushed ok
.include "prelude.inc"
.equ CODE16, 0x20000                    # 2000:0, and 2001:0 a paragraph further

.macro show name, width=4
    movzx eax, word ptr [CODE16 + \name - code16]
    hex eax, \width
.endm
.macro ok name, should
    cmp word ptr [CODE16 + \name - code16], offset \should - code16
    jne 9f
    print "ok"
9:
.endm

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

back:
    mov eax, 0x18
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov esp, [saved_esp]
    lidt [idtr]
    print "call cs "
    show call_cs
    print " ip "
    ok call_ip, after_call
    print " sp "
    show call_sp
    newline
    print "call32 "
    show call32_cs
    print " ip "
    ok call32_ip, after_call32
    print " sp "
    show call32_sp
    newline
    print "indirect "
    show ind_cs
    print " "
    show ind_ss
    newline
    print "retf n "
    show retf_sp
    newline
    print "jmp "
    show jmp_cs
    newline
    print "limit "
    show gp_seen, 2
    print " sp "
    show gp_sp
    print " pushed "
    ok gp_pushed, "after_gp - 16"
    newline
    exit 0

.code16
code16:
    mov ax, 0x48
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov eax, cr0
    and al, 0xfe
    mov cr0, eax
    .byte 0xea                          # JMP 2000:real
    .word offset real - code16, 0x2000
real:
    mov ax, 0x2000
    mov ds, ax
    mov ax, 0x3001
    mov ss, ax
    mov sp, 0x1000

    push 0x1111
    push 0x2222
    push 0x3333
    .byte 0x9a                          # CALL 2001:callee - 10h
    .word offset callee - code16 - 16, 0x2001
after_call:
    mov ds:[retf_sp - code16], sp
    mov sp, 0x1000

    push 0x1111
    push 0x2222
    push 0x3333
    push 0x4444
    .byte 0x66, 0x9a                    # the same with words of 32 bits
    .long offset callee32 - code16 - 16
    .word 0x2001
after_call32:
    mov sp, 0x1000

    call dword ptr ds:[pointer - code16]
    .byte 0xff, 0x2e                    # JMP FAR [pointer + 4]
    .word offset pointer + 4 - code16
jumped:
    mov ds:[jmp_cs - code16], cs

    # Beyond the limit of CS: nothing is committed, but what is pushed stays
    xor ax, ax
    mov es, ax
    mov word ptr es:[0x0d * 4], offset on_gp - code16
    mov word ptr es:[0x0d * 4 + 2], 0x2000
    .byte 0x66, 0x9a
    .long 0x10000
    .word 0x2000
after_gp:
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea
    .long back
    .word 0x10

callee:
    mov bp, sp
    mov ax, [bp]
    mov ds:[call_ip - code16], ax
    mov ax, [bp + 2]
    mov ds:[call_cs - code16], ax
    mov ds:[call_sp - code16], sp
    retf 10
callee32:
    mov bp, sp
    mov ax, [bp]
    mov ds:[call32_ip - code16], ax
    mov ax, [bp + 4]
    mov ds:[call32_cs - code16], ax
    mov ds:[call32_sp - code16], sp
    .byte 0x66
    retf
by_pointer:
    mov ds:[ind_cs - code16], cs
    mov ds:[ind_ss - code16], ss
    retf
on_gp:
    mov byte ptr ds:[gp_seen - code16], 0x0d
    mov bp, sp
    mov ax, [bp - 2]                    # the lower half of EIP; the frame covers the rest
    mov ds:[gp_pushed - code16], ax
    lea ax, [bp + 6]
    mov ds:[gp_sp - code16], ax
    mov word ptr [bp], offset after_gp - code16 - 16
    mov word ptr [bp + 2], 0x2001
    iret
pointer:
    .word offset by_pointer - code16, 0x2000
    .word offset jumped - code16 - 16, 0x2001
call_cs: .word 0
call_ip: .word 0
call_sp: .word 0
call32_cs: .word 0
call32_ip: .word 0
call32_sp: .word 0
ind_cs: .word 0
ind_ss: .word 0
retf_sp: .word 0
jmp_cs: .word 0
gp_seen: .word 0
gp_sp: .word 0
gp_pushed: .word 0
code16_end:
.code32
.data
saved_esp: .long 0
real_idt:
    .word 0x3ff
    .long 0
.text
