/* VBE's protected-mode interface (VBE 3.0, 4.14): a table of offsets and 32-bit code that programs
 * copy wherever they like and call near. Every register but EAX stays, as they may expect. */
    .set INDEX, 0x1ce
    .set DATA, 0x1cf
    .set STATUS, 0x3da
    .set DAC_WRITE, 0x3c8
    .set RETRACE, 8

    .section .rodata
    .balign 4
    .globl vbe_pm
vbe_pm:
    .word window - vbe_pm
    .word start - vbe_pm
    .word palette - vbe_pm
    .word ports - vbe_pm
ports:                          /* that it uses; and no memory */
    .word INDEX, DATA, STATUS, DAC_WRITE, DAC_WRITE + 1, -1
    .word -1

    .code32
    /* Writes AX to, or reads AX from, a dispi register. */
    .macro put register
    pushl %eax
    movw $\register, %ax
    movl $INDEX, %edx
    outw %ax, %dx
    popl %eax
    incl %edx
    outw %ax, %dx
    .endm

    .macro get register
    movw $\register, %ax
    movl $INDEX, %edx
    outw %ax, %dx
    incl %edx
    xorl %eax, %eax
    inw %dx, %ax
    .endm

/* BX = 0: window A to bank DX; BH = 1: which is it? */
window:
    testb %bl, %bl
    jnz failed
    cmpb $1, %bh
    ja failed
    je 1f
    pushl %edx
    movl %edx, %eax
    put 5
    popl %edx
    jmp done
1:  pushl %eax
    get 5
    popl %edx
    xchgl %eax, %edx
done:
    movw $0x004f, %ax
    ret
failed:
    movw $0x014f, %ax
    ret

/* DX:CX: where the picture begins, in dwords (planes: in bytes); BL bit 7: at the retrace. */
start:
    pushal
    testb $0x80, %bl
    jz 1f
    call wait
1:  shll $16, %edx
    movw %cx, %dx
    movl %edx, %esi
    get 3                       /* bits a pixel */
    movl %eax, %ecx
    get 6                       /* width in memory */
    movl %eax, %ebx
    cmpl $4, %ecx
    je 2f
    addl $7, %ecx
    shrl $3, %ecx               /* bytes a pixel */
    imull %ecx, %ebx
    shll $2, %esi
    jmp 3f
2:  shrl $3, %ebx
3:  movl %esi, %eax
    xorl %edx, %edx
    divl %ebx                   /* the line, and how far into it */
    movl %edx, %edi
    put 9
    movl %edi, %eax
    cmpl $4, %ecx
    je 4f
    xorl %edx, %edx
    divl %ecx
    jmp 5f
4:  shll $3, %eax
5:  put 8
    popal
    jmp done

/* ES:EDI: CX colours from DX on, as blue, green, red, nothing; BL bit 7: at the retrace. */
palette:
    pushal
    testb $0x7f, %bl
    jnz 3f
    testb $0x80, %bl
    jz 1f
    call wait
1:  movb %dl, %al
    movl $DAC_WRITE, %edx
    outb %al, %dx
    incl %edx
    movzwl %cx, %ecx
    jecxz 4f
2:  movb %es:2(%edi), %al
    outb %al, %dx
    movb %es:1(%edi), %al
    outb %al, %dx
    movb %es:(%edi), %al
    outb %al, %dx
    addl $4, %edi
    loop 2b
4:  popal
    jmp done
3:  popal
    jmp failed

wait:
    pushl %edx
    movl $STATUS, %edx
1:  inb %dx, %al
    testb $RETRACE, %al
    jnz 1b
2:  inb %dx, %al
    testb $RETRACE, %al
    jz 2b
    popl %edx
    ret
    .globl vbe_pm_end
vbe_pm_end:
