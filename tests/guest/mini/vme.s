# Virtual-8086 mode extensions and protected-mode virtual interrupts: VIF in IF's place, INT n by the redirection map,
# #GP for what the monitor has to see.
#! out method 6 pushed 3246 in 3046 back 3246 after 3046
#! out eflags 00020046
#! out method 3 #0d 0000 at 0000
#! out pushfd #0d 0000 at 0000
#! out popfd #0d 0000 at 0000
#! out iretd #0d 0000 at 0000
#! out popf tf #0d 0000 at 0003
#! out popf pending #0d 0000 at 0003
#! out sti pending #0d 0000 at 0000
#! out popf vif 00100046 00080046
#! out iret vif 00080046
#! out both #0d 0000 at 0000
#! out method 5 pushed 3246 in 3046 eflags 00023046
#! out method 4 #40 at 0002
#! out without #0d 0000 at 0000 #0d 0000 at 0000 #0d 0000 at 0000 #0d 0000 at 0000
#! out pvi 00080202 00000202
#! out pvi pending #0d 0000
#! out no pvi #0d 0000
#! out #0d 0000
.include "prelude.inc"
.equ CODE, 0x10000                      # 1000:0
.equ NEW_TSS, 0x220000

# Runs 16-bit code up to its HLT with these EFLAGS; faults on the way are reported and skipped.
.macro v86 eflags, from, to
    mov esi, offset \from
    mov edi, CODE
    mov ecx, offset \to - \from
    rep movsb
    mov esp, 0x8d000
    mov dword ptr [next], offset 9601f
    push 0                              # GS FS DS ES
    push 0
    push 0x1000
    push 0x1000
    push 0x2000                         # SS:ESP
    push 0x1000
    push \eflags
    push 0x1000                         # CS:EIP
    push 0
    iretd
9601:
.endm

.macro register name
    hex \name, 4
.endm

main:
    mov edi, NEW_TSS                    # with a redirection map: bit 40h of it clear, 41h set
    mov ecx, 0x100
    xor eax, eax
    rep stosb
    mov dword ptr [NEW_TSS + 4], 0x8f000
    mov dword ptr [NEW_TSS + 8], 0x18
    mov word ptr [NEW_TSS + 0x66], 136
    mov byte ptr [NEW_TSS + 104 + 8], 0xfe
    segment 0x38, NEW_TSS, 0xff, 0x89, 0
    mov eax, 0x38
    ltr ax
    mov dword ptr [0x40 * 4], 0x10000100 # 1000:100
    mov esi, offset handler
    mov edi, CODE + 0x100
    mov ecx, offset handler_end - handler
    rep movsb
    hook 13, on_gp
    mov eax, cr4
    or eax, 3                           # VME, PVI
    mov cr4, eax

    print "method 6 "
    v86 0x20046, redirect, redirect_end
    print "pushed "
    register [seen_si]
    print " in "
    register [seen_di]
    print " back "
    register [seen_bx]
    print " after "
    register [seen_cx]
    newline
    print "eflags "
    hex [seen_flags]
    newline

    print "method 3"
    v86 0x20046, direct, direct_end
    newline
    print "pushfd"
    v86 0x20046, wide_push, wide_push_end
    newline
    print "popfd"
    v86 0x20046, wide_pop, wide_pop_end
    newline
    print "iretd"
    v86 0x20046, wide_iret, wide_iret_end
    newline
    print "popf tf"
    v86 0x20046, pop_tf, pop_tf_end
    newline
    print "popf pending"
    v86 0x120046, pop_if, pop_if_end
    newline
    print "sti pending"
    v86 0x120046, set_if, set_if_end
    newline
    print "popf vif "
    v86 0x120046, pop_none, pop_none_end
    mov eax, [seen_flags]
    and eax, 0xfffdffff
    hex eax
    print " "
    v86 0x20046, pop_if, pop_if_end
    mov eax, [seen_flags]
    xor eax, 0x20000
    hex eax
    newline
    print "iret vif "
    v86 0x20046, iret_if, iret_if_end
    mov eax, [seen_flags]
    xor eax, 0x20000
    hex eax
    newline

    print "both"                        # VIF and VIP: before the first instruction
    mov dword ptr [skip_vip], 1
    v86 0x1a0046, nothing, nothing_end
    newline

    print "method 5 pushed "            # IOPL 3: IF itself
    v86 0x23246, redirect, redirect_end
    register [seen_si]
    print " in "
    register [seen_di]
    print " eflags "
    hex [seen_flags]
    newline

    print "method 4"
    or byte ptr [idt + 0x41 * 8 + 5], 0
    mov eax, [idt + 0x30 * 8]
    mov edx, [idt + 0x30 * 8 + 4]
    mov [idt + 0x41 * 8], eax
    mov [idt + 0x41 * 8 + 4], edx
    mov word ptr [idtr], 0x42 * 8 - 1
    lidt [idtr]
    hook 0x30, on_41
    v86 0x23046, direct, direct_end
    newline

    mov eax, cr4
    and eax, 0xfffffffe
    mov cr4, eax
    print "without"
    v86 0x20046, set_if, set_if_end
    v86 0x20046, push_plain, push_plain_end
    v86 0x20046, iret_plain, iret_plain_end
    v86 0x20046, redirect_only, redirect_only_end
    newline

    # Protected mode: CLI and STI at CPL 3.
    mov dword ptr [hooks + 13 * 4], 0
    print "pvi "
    mov dword ptr [next], offset 1f
    push 0x2b
    push 0x8e000
    push 0x202
    push 0x23
    push offset pvi
    hook 0x30, to_next
    iretd
1:  mov esp, 0x8d000
    hex [seen_si]
    print " "
    hex [seen_di]
    newline
    print "pvi pending "
    mov dword ptr [next], offset 1f
    push 0x2b
    push 0x8e000
    push 0x100202
    push 0x23
    push offset pvi_pending
    iretd
1:  mov esp, 0x8d000
    mov eax, cr4
    and eax, 0xfffffffd
    mov cr4, eax
    print "no pvi "
    mov dword ptr [next], offset 1f
    push 0x2b
    push 0x8e000
    push 0x202
    push 0x23
    push offset no_pvi
    iretd
1:  exit 0

pvi:
    mov eax, 0x2b
    mov ds, eax
    mov es, eax
    sti
    pushfd
    pop dword ptr [seen_si]
    cli
    pushfd
    pop dword ptr [seen_di]
    int 0x30
pvi_pending:
    mov eax, 0x2b
    mov ds, eax
    mov es, eax
    mov dword ptr [origin], offset 1f
    mov dword ptr [resume], offset 2f
1:  sti
2:  pushfd
    pop dword ptr [seen_si]
    mov dword ptr [shows_flags], 1
    int 0x30
no_pvi:
    mov eax, 0x2b
    mov ds, eax
    mov es, eax
    mov dword ptr [origin], offset 1f
    mov dword ptr [resume], offset 2f
1:  sti
2:  mov dword ptr [origin], offset 3f
    mov dword ptr [resume], offset 4f
3:  cli
4:  int 0x30

to_next:
    jmp [next]
on_41:
    print " #40 at "
    hex [ebx+frame_eip], 4
    mov eax, [next]
    jmp eax

# #GP out of V86: report and go on behind the instruction; HLT ends the test.
on_gp:
    mov esi, [ebx + frame_eip]
    mov al, [CODE + esi]
    cmp al, 0xf4
    jne 1f
    mov eax, [ebx + frame_esi]
    mov [seen_si], eax
    mov eax, [ebx + frame_edi]
    mov [seen_di], eax
    mov eax, [ebx + frame_ebx]
    mov [seen_bx], eax
    mov eax, [ebx + frame_ecx]
    mov [seen_cx], eax
    mov eax, [ebx + frame_eflags]
    and eax, 0xfffeffff                 # RF
    mov [seen_flags], eax
    jmp [next]
1:  print " #0d "
    hex [ebx+frame_error], 4
    print " at "
    hex esi, 4
    cmp dword ptr [skip_vip], 0
    je 2f
    mov dword ptr [skip_vip], 0
    and dword ptr [ebx + frame_eflags], 0xffefffff
    ret
2:  inc dword ptr [ebx + frame_eip]
    cmp al, 0xcd
    je 3f
    cmp al, 0x66
    jne 4f
3:  inc dword ptr [ebx + frame_eip]
4:  ret

.code16
redirect:
    sti
    int 0x40
    pushf
    pop bx
    cli
    pushf
    pop cx
    hlt
redirect_end:
handler:                                # at 1000:100
    mov bp, sp
    mov si, [bp + 4]
    pushf
    pop di
    iret
handler_end:
direct:
    int 0x41
    hlt
direct_end:
redirect_only:
    int 0x40
    hlt
redirect_only_end:
wide_push:
    pushfd
    hlt
wide_push_end:
wide_pop:
    popfd
    hlt
wide_pop_end:
wide_iret:
    iretd
    hlt
wide_iret_end:
pop_tf:
    push 0x0146
    popf
    hlt
pop_tf_end:
pop_if:
    push 0x0246
    popf
    hlt
pop_if_end:
pop_none:
    push 0x0046
    popf
    hlt
pop_none_end:
set_if:
    sti
    hlt
set_if_end:
iret_if:
    push 0x0246
    push cs
    push 7
    iret
    nop
    hlt
iret_if_end:
nothing:
    nop
    hlt
nothing_end:
push_plain:
    pushf
    hlt
push_plain_end:
iret_plain:
    iret
    hlt
iret_plain_end:
.code32
.data
next: .long 0
skip_vip: .long 0
shows_flags: .long 0
seen_si: .long 0
seen_di: .long 0
seen_bx: .long 0
seen_cx: .long 0
seen_flags: .long 0
.text
