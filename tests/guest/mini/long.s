# code64: 64-bit and compatibility mode: registers, operations, addresses, faults, gates, rings, SYSCALL, and the way back.
#! out efer 0d01
#! out r9 0000000055667788
#! out r10 1122334455669988
#! out lea 22446688aaccef1f
#! out lea32 00000000aaccef1f
#! out sil 1122334455667711
#! out dil 0000000000000088
#! out ah 1122334455668888
#! out movsxd 0000000055669988
#! out cmov 00000000fffffffe
#! out bswap 8877665544332211
#! out rip 0123456789abcdef
#! out moffs 0123456789abcdf0
#! out xchg 0123456789abcdf0
#! out cdqe ffffffff80000000
#! out cqo ffffffffffffffff
#! out pop 0000000000007000
#! out pushf 0000000000000000
#! out mul 0121fa00ad77d742
#! out low 2236d88fe5618cf0
#! out imul fffffffffffffffe
#! out low c000000000000000
#! out div 0000000001000000
#! out rem 0000000000000003
#! out idiv fffffffffffffff2
#! out rem fffffffffffffffe
#! out divide #00 0000
#! out sar ffffffffffffffff
#! out rol 0000000000000018
#! out rcr c000000000000000
#! out shld 0000001000000000
#! out carry 0000000000009a02
#! out overflow 0000000000000001
#! out zero 0000000000000000
#! out bsf 0000000000000020
#! out bts 0000000000000040
#! out btr 7fffffffffffffff
#! out cx16 0000000000000001
#! out pair 0000000000004444
#! out misaligned #0d 0000
#! out loop 1000000000000000
#! out movsq 6e6f697463657269
#! out rdi 0000000000300020
#! out stosq fffffffffffffffe
#! out scasq fffffffffffffbfe
#! out cvtsi2sd c3e0000000000000
#! out back 8000000000000000
#! out por c3e0000000000002
#! out xmm9 c3e0000000000000
#! out fxsave 0000000000000002
#! out high 0123456789abcdf0
#! out canonical #0d 0000
#! out canonical jump #0d 0000
#! out absent #0e 0002 cr2 00007fffffffe000
#! out absent #0e 0000 cr2 ffff800000000010
#! out remapped 0000000012345678
#! out nx #0e 0011 cr2 0000000000600000
#! out rip high 00000000ffffffff
#! out patched 0000001111011100
#! out gs 0123456789abcdf0
#! out swapgs 6f662d7974786973
#! out fs base #0d 0000
#! out sidt 0000000000101c70
#! out cr8 0000000000000009
#! out ist 000000000008dfc8
#! out rsp 000000000008fffd
#! out int 002b
#! out ss 0023
#! out kernel ss 0000
#! out frame 000000000008efc8
#! out user hlt #0d 0000
#! out user high #0e 0005 cr2 ffffffff80000000
#! out int 002b
#! out ss 0023
#! out kernel ss 0000
#! out frame 000000000008efc8
#! out syscall 0000000000000646
#! out cs 0008
#! out flags in 0000000000000000
#! out flags after 0000000000000600
#! out int 0030
#! out compat 0000000011223353
#! out user32 #0e 0004 cr2 00000000fffff100
#! out int 001b
#! out ss 0023
#! out kernel ss 0000
#! out frame 000000000008efc8
#! out user32 001b
#! out legacy efer 0901
.include "prelude64.inc"

.macro show text, value, digits=16
    print "\text "
    hex \value, \digits
    newline
.endm

main:
    mov ecx, EFER
    rdmsr
    show "efer", rax, 4

# -- registers and operand sizes --
    mov r8, 0x1122334455667788
    mov r9, r8
    mov r9d, r9d                        # clears the upper half
    show "r9", r9
    mov r10, r8
    mov r10w, 0x9999
    mov r10b, 0x88
    show "r10", r10
    mov r15, -1
    lea r14, [r15 + r8 * 2 + 0x10]
    show "lea", r14
    lea eax, [r15 + r8 * 2 + 0x10]
    show "lea32", rax
    mov rsi, r8
    mov dil, sil
    mov sil, 0x11
    show "sil", rsi
    movzx r11d, dil
    show "dil", r11
    mov rax, r8
    mov ah, al
    show "ah", rax
    movsxd rbx, r10d
    show "movsxd", rbx
    mov rcx, -2
    mov eax, 5
    mov edx, 7
    cmp eax, edx
    cmova ecx, edx                      # not taken, but clears the upper half
    show "cmov", rcx
    mov rax, r8
    bswap rax
    show "bswap", rax
    mov rax, [rip + datum]
    show "rip", rax
    movabs rax, [datum]
    add rax, 1
    movabs [datum], rax
    show "moffs", [datum]
    xchg r8, rax
    show "xchg", r8
    mov eax, 0x80000000
    cdqe
    show "cdqe", rax
    cqo
    show "cqo", rdx
    push 0x7000
    pushw 0x1234
    pop ax
    pop rcx
    show "pop", rcx
    pushfq
    pop rax
    and eax, 0x3000
    show "pushf", rax

# -- arithmetic --
    mov rax, 0xfedcba9876543210
    mov rcx, 0x123456789abcdef
    mul rcx
    show "mul", rdx
    show "low", rax
    mov rax, -5
    mov rcx, 0x4000000000000000
    imul rcx
    show "imul", rdx
    show "low", rax
    mov rdx, 1
    mov rax, 3
    mov rcx, 0x10000000000
    div rcx
    show "div", rax
    show "rem", rdx
    mov rdx, -1
    mov rax, -100
    mov rcx, 7
    idiv rcx
    show "idiv", rax
    show "rem", rdx
    mov rdx, 5
    mov rax, 0
    mov rcx, 5
    print "divide "
    faults div rcx
    mov r12, 0x8000000000000001
    mov cl, 63
    mov r13, r12
    sar r13, cl
    show "sar", r13
    mov r13, r12
    rol r13, 4
    show "rol", r13
    stc
    mov r13, r12
    rcr r13, 1
    show "rcr", r13
    mov r13, r12
    mov rax, 0xabcdef
    shld r13, rax, 36
    show "shld", r13
    mov rax, -1
    add rax, 1
    setc bl
    adc rbx, 0x100
    movzx ebx, bx
    show "carry", rbx
    mov rax, 0x7fffffffffffffff
    inc rax
    seto bl
    movzx ebx, bl
    show "overflow", rbx
    mov rax, 0x100000000
    cmp rax, 0
    setz bl
    movzx ebx, bl
    show "zero", rbx
    bsf rax, rax
    show "bsf", rax
    mov rax, 70
    bts qword ptr [bits], rax           # beyond the first eight bytes
    show "bts", [bits + 8]
    mov rax, -1
    btr qword ptr [bits], rax
    show "btr", [bits - 8]
    mov rax, 0x1111
    mov rdx, 0x2222
    mov rbx, 0x3333
    mov rcx, 0x4444
    mov [pair], rax
    mov [pair + 8], rdx
    cmpxchg16b [pair]
    setz al
    movzx eax, al
    show "cx16", rax
    show "pair", [pair + 8]
    print "misaligned "
    faults cmpxchg16b [pair + 8]
    mov ecx, 3
    mov rax, 1
1:  shl rax, 20
    loop 1b
    show "loop", rax
    lea rsi, [text]
    mov rdi, 0x300000
    mov ecx, 4
    rep movsq
    show "movsq", [0x300018]
    show "rdi", rdi
    mov rax, -2
    mov rdi, 0x300000
    mov ecx, 0x400
    rep stosq
    show "stosq", [0x301ff8]
    mov rdi, 0x300000
    mov rcx, -1
    repe scasq
    show "scasq", rcx

# -- vectors --
    cvtsi2sd xmm9, r12
    movq rax, xmm9
    show "cvtsi2sd", rax
    cvttsd2si rax, xmm9
    show "back", rax
    movq xmm15, r12
    paddq xmm15, xmm15
    movq xmm1, xmm15
    por xmm1, xmm9
    movq rax, xmm1
    show "por", rax
    movdqa [save], xmm9
    show "xmm9", [save]
    fxsave64 [save]
    show "fxsave", [save + 160 + 15 * 16]

# -- addresses --
    mov rax, [datum + HIGH]
    show "high", rax
    mov rbx, 0x800000000000
    print "canonical "
    faults mov rax, [rbx]
    print "canonical jump "
    faults jmp rbx
    mov rbx, 0x7fffffffe000
    print "absent "
    faults mov [rbx], eax
    mov rbx, 0xffff800000000000
    print "absent "
    faults mov rax, [rbx + 16]
    mov rbx, HIGH + 0x3ffffffc
    mov ecx, 0x12345678
    mov qword ptr [PD + 5 * 8], 0x200000 + 0x87      # where the tables are seen meanwhile
    mov qword ptr [PD + 8], 0x400000 + 0x87          # 2 MiB is now 4 MiB
    mov rax, 0x200000
    mov r8d, 0x400000
    mov dword ptr [r8], ecx
    mov rax, HIGH + 0x200000
    invlpg [rax]
    invlpg [0x200000]
    mov eax, [HIGH + 0x200000]
    show "remapped", rax
    mov qword ptr [PD + 0x800000 + 8], 0x200000 + 0x87
    mov rax, cr3
    mov cr3, rax
    bts qword ptr [PD + 3 * 8], 63                   # NX
    invlpg [0x600000]
    mov byte ptr [0x600000], 0xc3
    mov eax, 0x600000
    mov qword ptr [origin], 0x600000
    resume_at 1f
    print "nx "
    call rax
1:  mov rsp, STACK
    lea rax, [HIGH + 2f]
    jmp rax
2:  lea rbx, [rip]
    shr rbx, 32
    show "rip high", rbx
    mov rax, offset 3f
    jmp rax
3:  mov ecx, 5                          # code that changes
    lea rdi, [patched + HIGH + 2]
4:  mov [rdi], cl
    call patched
    loop 4b
    show "patched", rax

# -- segments --
    mov ecx, 0xc0000101                 # GS.base
    lea eax, [datum]
    xor edx, edx
    wrmsr
    mov rax, gs:[0]
    show "gs", rax
    mov ecx, 0xc0000102
    mov rax, offset text + HIGH
    mov edx, -1
    wrmsr
    swapgs
    mov rax, gs:[0]
    show "swapgs", rax
    swapgs
    mov rax, ds:[datum]
    mov ecx, 0xc0000100
    mov eax, 0
    mov edx, 0x8000
    print "fs base "
    faults wrmsr
    sidt [save]
    show "sidt", [save + 2]
    mov rax, 9
    mov cr8, rax
    mov rbx, cr8
    show "cr8", rbx
    xor eax, eax
    mov cr8, rax

# -- gates and rings --
    hook 0x2f, on_ist
    mov rsp, STACK - 3
    int 0x2f
    mov rsp, STACK
    hook 0x30, on_int
    mov rcx, offset user
    push UDATA
    push STACK_USER
    push 0x202
    push UCODE
    push rcx
    iretq
on_ist:
    show "ist", rbx
    show "rsp", [rbx + frame_rsp]
    ret
on_int:
    show "int", [rbx + frame_cs], 4
    show "ss", [rbx + frame_ss], 4
    mov rax, ss
    show "kernel ss", rax, 4
    show "frame", rbx
    mov rax, [next]
    test rax, rax
    jz 1f
    jmp rax
1:  ret

user:
    int 0x30
    print "user hlt "
    faults hlt
    mov rax, [PML4 + 511 * 8]
    mov rbx, HIGH
    print "user high "
    faults mov rax, [rbx]
    mov qword ptr [next], offset to_syscall
    int 0x30

to_syscall:                             # in the kernel again
    mov rsp, STACK
    mov qword ptr [next], 0
    mov ecx, 0xc0000081                 # STAR
    xor eax, eax
    mov edx, 0x180008
    wrmsr
    inc ecx                             # LSTAR
    mov rax, offset HIGH + on_syscall
    mov rdx, rax
    shr rdx, 32
    wrmsr
    mov ecx, 0xc0000084                 # SFMASK
    mov eax, 0x600
    xor edx, edx
    wrmsr
    mov rcx, offset user2
    mov r11, 0x246
    sysretq
user2:
    mov r15, rsp
    mov rsp, STACK_USER
    std
    syscall
    pushfq
    pop rax
    and eax, 0x600
    show "flags after", rax
    mov rax, 1
    syscall
on_syscall:
    test rax, rax
    jz 1f
    cmp rax, 1
    je to_compat
1:  mov rdx, offset 2f
    jmp rdx
2:  show "syscall", r11
    mov rax, cs
    show "cs", rax, 4
    pushfq
    pop rax
    and eax, 0x600
    show "flags in", rax
    sysretq

# -- compatibility mode --
on_compat:
    show "int", [rbx + frame_cs], 4
    ret
to_compat:
    mov rsp, STACK
    mov eax, UDATA                      # IRET to level 3 has made DS null
    mov ds, eax
    hook 0x2e, on_compat
    mov rax, offset compat
    push KCODE32
    push rax
    lretq
.code32
compat:
    mov eax, 0x10
    dec eax                             # a REX prefix in 64-bit code
    .byte 0x68                          # PUSH
    .long 0x11223344
    pop ebx
    add eax, ebx
    mov [save], eax
    int 0x2e
    .byte 0xea
    .long back64
    .word KCODE
.code64
back64:
    mov eax, [save]
    show "compat", rax
    mov rsp, STACK
    mov qword ptr [next], offset user_done
    push UDATA
    push STACK_USER
    push 0x202
    push UCODE32
    push offset user32
    mov qword ptr [origin], offset absent32
    resume_at 1f
    print "user32 "
    iretq
.code32
user32:
    mov eax, cs
    mov [save], eax
    mov ebx, 0xfffff000
absent32:
    mov eax, [ebx + 0x100]              # a linear address of 32 bits
1:  int 0x30
.code64
user_done:
    mov rsp, STACK
    show "user32", [save], 4

# -- and out of long mode --
    push KCODE32
    push offset leave
    lretq
.code32
leave:
    mov eax, cr0
    and eax, 0x7fffffff
    mov cr0, eax
    mov ecx, EFER
    rdmsr
    mov [save], eax
    mov [save + 4], edx
    and eax, ~0x100
    wrmsr
    mov eax, cr0                        # and in again
    mov ecx, EFER
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    .byte 0xea
    .long again
    .word KCODE
.code64
again:
    mov rsp, STACK
    show "legacy efer", [save], 4
    exit 0

.balign 64
patched:
    mov eax, 0x11111111
    shl rax, 8
    ret

.data
.balign 64
save:   .fill 512, 1, 0
next:   .quad 0
datum:  .quad 0x0123456789abcdef
        .quad 0xffffffffffffffff
bits:   .quad 0, 0
.balign 16
pair:   .quad 0, 0, 0
text:   .ascii "sixty-four bits in all directions"
