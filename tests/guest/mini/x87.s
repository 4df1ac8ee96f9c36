# x87 state that moves: two tasks that the timer switches, each with its own control word, by CR0.TS and FXSAVE; an
# exception unmasked while its flag is set; pointers to the last instruction and operand in other blocks than the store;
# a store that faults; MMX among x87.
#! out tasks 4002 cc885bf1 e0d750f0 40976fff fffffffb switched
#! out pending #10 0000
#! out flags b084 fip 00000000 fop 06f9
#! out operand 00000008 fop 0546
#! out wait #10 0000
#! out store #0d 0000
#! out kept 3000 3ff80000
#! out mmx 1566 0000ffff 00000007
#! out twice 00000003
.include "prelude.inc"
.equ TURNS, 200000

main:
    mov eax, cr0
    or eax, 0x20                        # NE
    mov cr0, eax
    mov eax, cr4
    or eax, 0x600                       # OSFXSR, OSXMMEXCPT
    mov cr4, eax
    fninit
    mov al, 0x11
    out 0x20, al
    mov al, 0x20
    out 0x21, al
    mov al, 4
    out 0x21, al
    mov al, 1
    out 0x21, al
    mov al, 0xfe
    out 0x21, al
    mov al, 0x34                        # 1193182 / 60: about 20 kHz
    out 0x43, al
    mov al, 60
    out 0x40, al
    mov al, 0
    out 0x40, al
    hook 0x20, on_timer
    hook 7, on_nm
    fxsave [areas]
    fxsave [areas + 512]

    # the harmonic series, 80 bits, nearest; the other task rounds up to 53 bits with ZE unmasked
    print "tasks "
    sti
    fldz
    fld1
    fld1                                # ST0 = 1, ST1 = k, ST2 = sum
    mov ecx, TURNS
1:  fld st(1)
    fdivr st, st(1)
    faddp st(3), st
    fadd st(1), st
    dec ecx
    jnz 1b
    fstp st
    fstp st
    fstp tbyte ptr [result]
2:  cmp dword ptr [done], 0
    je 2b
    cli
    clts
    hex [result + 8], 4
    print " "
    hex [result + 4]
    print " "
    hex [result]
    print " "
    hex [result2 + 4]
    print " "
    hex [result2]
    cmp dword ptr [switches], 20
    jb 3f
    print " switched"
3:  newline

    print "pending "
    fninit
    fldcw [unmasked]
    fld1
    fldz
4:  fdivp
    faults fld1
    print "flags "
    fnstenv [environment]
    hex [environment + 4], 4
    print " fip "
    mov eax, [environment + 12]
    sub eax, offset 4b
    hex eax
    print " fop "
    mov eax, [environment + 16]
    shr eax, 16
    hex eax, 4
    newline

    print "operand "
    fninit
    mov esi, offset numbers
    fld qword ptr [esi + 8]
    mov esi, 0
    jmp 5f
5:  nop
    fnstenv [environment]
    mov eax, [environment + 20]
    sub eax, offset numbers
    hex eax
    print " fop "
    mov eax, [environment + 16]
    shr eax, 16
    hex eax, 4
    newline

    print "wait "
    fninit
    fldz
    fld1
    fdivrp                              # masked
    fldcw [unmasked]
    faults fwait
    fnclex

    # FS ends within the operand: the stack and the status word stay
    print "store "
    segment 0x38, 0, 0x1003, 0x93, 4
    mov eax, 0x38
    mov fs, eax
    fninit
    fld1
    fld qword ptr [numbers + 8]
    faults fstp qword ptr fs:[0x1000]
    print "kept "
    fnstsw ax
    movzx eax, ax
    hex eax, 4
    print " "
    fstp qword ptr [result]
    hex [result + 4]
    newline

    print "mmx "
    fninit
    .rept 8                             # the tags below tell what is in all registers
    fldz
    .endr
    fninit
    fld1
    movq mm2, [numbers + 8]
    pcmpeqd mm0, mm0
    psrld mm0, 16
    movd ebx, mm0
    fnstenv [environment]
    emms
    movzx eax, word ptr [environment + 8]       # none is empty
    hex eax, 4
    print " "
    hex ebx
    print " "
    fld1                                # the registers are free again
    fiadd dword ptr [six]
    fistp dword ptr [result]
    hex [result]
    newline

    # code that switches FCW's masks back and forth in a loop
    print "twice "
    fninit
    fldz
    mov ecx, 3000
6:  fldcw [unmasked]
    fadd dword ptr [thousandth]
    fldcw [masked]
    dec ecx
    jnz 6b
    frndint
    fistp dword ptr [result]
    hex [result]
    newline
    exit 0

other_task:
    fninit
    fldcw [other_word]
    fld1
    mov ecx, TURNS
1:  fmul qword ptr [numbers]
    fadd qword ptr [numbers + 8]
    fstp qword ptr [result2]
    fld qword ptr [result2]
    dec ecx
    jnz 1b
    fstp st
    mov dword ptr [done], 1
2:  jmp 2b

# The other task's turn. What is on this one's stack leads back.
on_timer:
    mov al, 0x20
    out 0x20, al
    cmp dword ptr [done], 0
    jne 1f
    inc dword ptr [switches]
2:  mov eax, cr0
    or eax, 8
    mov cr0, eax
    mov eax, [current]
    mov [stacks + eax * 4], esp
    xor eax, 1
    mov [current], eax
    mov esp, [stacks + eax * 4]
    test esp, esp
    jnz 3f
    mov esp, 0x80000                    # its first turn
    sti
    jmp other_task
1:  cmp dword ptr [current], 0          # done: back to the first for good
    jne 2b
3:  ret

on_nm:
    clts
    mov eax, [owner]
    mov edx, [current]
    cmp eax, edx
    je 1f
    mov [owner], edx
    shl eax, 9
    shl edx, 9
    fxsave [areas + eax]
    fxrstor [areas + edx]
1:  ret

.data
.balign 16
areas: .fill 1024, 1, 0
stacks: .long 0, 0
current: .long 0
owner: .long 0
switches: .long 0
done: .long 0
result: .fill 10, 1, 0
.balign 8
result2: .quad 0
numbers: .double 0.999, 1.5
six: .long 6
thousandth: .float 0.001
environment: .fill 28, 1, 0
masked: .word 0x37f
unmasked: .word 0x37b
other_word: .word 0x0a7b
.text
