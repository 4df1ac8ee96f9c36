# Four segment violations from a program of one sector, without any of the other guests' machinery: beyond a limit, into
# read-only data, below an expand-down segment, past a stack's end. Each prints its vector, error code and place.
#! status 33
#! out 0d 0000 1
#! out 0d 0000 2
#! out 0d 0000 3
#! out 0c 0000 4
.intel_syntax noprefix
.code32
.text
.globl _start
_start:
    cli
    mov esp, 0x7000
    lgdt [gdtr]
    lidt [idtr]
    mov edi, offset idt + 12 * 8        # vectors 12 and 13
    mov eax, offset on_ss
    call set_gate
    mov eax, offset on_gp
    call set_gate
    jmp 0x08:1f
1:  mov eax, 0x10                       # data: limit 0fff
    mov ds, eax
    mov eax, 0x18                       # read-only data
    mov es, eax
    mov eax, 0x20                       # expand-down: 1000 to ffff is valid
    mov fs, eax
    mov eax, 0x28                       # stack: limit 6fff
    mov ss, eax

    mov ebx, 1
    mov eax, [0xffc]                    # the last four bytes
    mov eax, [0xffd]
    inc ebx
    mov eax, es:[0x2000]
    mov es:[0x2000], eax
    inc ebx
    mov eax, fs:[0x1000]
    mov eax, fs:[0xffc]
    inc ebx
    mov esp, 0x6ffe
    pop ax
    mov esp, 0x6ffe
    pop eax
    mov esp, 0x7000
    mov eax, 0x10
    mov edx, 0xf4
    out dx, eax
    hlt

set_gate:                               # the next gate of the IDT leads to EAX
    stosw
    mov ax, 0x08
    stosw
    mov eax, 0x00108e00                 # the code is in the second megabyte
    stosd
    ret

on_ss:
    mov cl, 0x0c
    jmp 1f
on_gp:
    mov cl, 0x0d
1:  pop ebp                             # error code
    mov al, cl
    call put_byte
    mov al, ' '
    out 0xe9, al
    mov eax, ebp
    mov al, ah
    call put_byte
    mov eax, ebp
    call put_byte
    mov al, ' '
    out 0xe9, al
    mov al, bl
    add al, '0'
    out 0xe9, al
    mov al, '\n'
    out 0xe9, al
    movzx eax, byte ptr cs:[lengths + ebx - 1]
    add ss:[esp], eax
    iretd

put_byte:
    push eax
    shr al, 4
    call 1f
    pop eax
    and al, 15
1:  cmp al, 10
    sbb al, 0x69
    das
    or al, 0x20
    out 0xe9, al
    ret

lengths: .byte 5, 6, 6, 1               # of the four that fault
.balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff            # 08 code
    .quad 0x0040930080000fff            # 10
    .quad 0x004091008000ffff            # 18
    .quad 0x0000970080000fff            # 20
    .quad 0x0040930000006fff            # 28
gdtr:
    .word gdtr - gdt - 1
    .long gdt
idtr:
    .word 14 * 8 - 1
    .long idt
    .equ idt, 0x110000
    .org _start + 512                   # more than a sector does not assemble
