# Kernels in the style of 16-bit programs, for the 16-bit image alone: registers, operands and addresses of 16 bits,
# frames off BP, near and far calls, string instructions one by one, segment overrides, far pointers. All segments have
# the same base; DS tells their selector.
.intel_syntax noprefix
.code16

.bss
.balign 2
data:
words: .skip 1024
table: .skip 256
copy: .skip 1024
keys: .skip 128
flags: .skip 2048
longs: .skip 256
nodes: .skip 512
matrix: .skip 512
data_end:
.text

# What a kernel finds in memory is the same each time.
clear:
    mov di, offset data
    mov cx, offset data_end
    sub cx, di
    xor ax, ax
    rep stosb
    ret

# dos_NAME: a kernel of 16-bit instructions, for C code built with -m16. The body finds the repetitions in [bp - 6] (and
# counts them down) and has AX = 0; it leaves its checksum in AX. DI, SI and BX are free.
.macro kernel fn, name, ops, unit
    .pushsection .rodata
8:  .asciz "\name"
9:  .asciz "\unit"
    .popsection
    .pushsection kernels, "a"
    .long 8b, 9b, \fn, \ops
    .popsection
\fn:
    push ebx
    push esi
    push edi
    push ebp
    mov bp, sp
    mov eax, [bp + 20]
    push ax
    sub sp, 14
    mov [bp - 6], ax
    shr eax, 16
    mov [bp - 8], ax
    cld
    call clear
.endm

# Counts down; back to 1b.
.macro again
    sub word ptr [bp - 6], 1
    sbb word ptr [bp - 8], 0
    jc 7f
    jmp 1b
.endm

.macro done
7:  movzx eax, ax
    mov sp, bp
    pop ebp
    pop edi
    pop esi
    pop ebx
    .byte 0x66
    ret
.endm

.macro start
    sub word ptr [bp - 6], 1
    sbb word ptr [bp - 8], 0
    jc 7f
.endm

# -- near calls: arguments on the stack, a frame, a local variable --
near_fib:
    push bp
    mov bp, sp
    sub sp, 2
    push si
    mov si, [bp + 4]
    cmp si, 2
    jae 1f
    mov ax, si
    jmp 2f
1:  lea ax, [si - 1]
    push ax
    call near_fib
    add sp, 2
    mov [bp - 2], ax
    lea ax, [si - 2]
    push ax
    call near_fib
    add sp, 2
    add ax, [bp - 2]
2:  pop si
    mov sp, bp
    pop bp
    ret

kernel dos_near, "dos/near calls (fibonacci 10)", 177, "call"
    start
1:  mov cx, 10
    push cx
    call near_fib
    add sp, 2
    again
    done

# -- far calls, of Pascal's convention --
far_add:
    push bp
    mov bp, sp
    mov ax, [bp + 8]
    add ax, [bp + 6]
    pop bp
    retf 4

kernel dos_far, "dos/far calls", 4, "call"
    start
1:  .rept 4
    push ax
    mov dx, 3
    push dx
    push cs
    call far_add
    .endr
    again
    done

# -- a checksum by LODSW and LOOP --
kernel dos_sum, "dos/lodsw, loop", 512, "word"
    start
1:  mov si, offset words
    mov cx, 512
    xor dx, dx
2:  lodsw
    add dx, ax
    rol dx, 1
    inc dx
    loop 2b
    mov ax, dx
    mov [words], ax
    again
    done

# -- translation by LODSB, XLAT, STOSB --
kernel dos_xlat, "dos/lodsb, xlat, stosb", 512, "byte"
    mov bx, offset table
    xor si, si
2:  mov ax, si
    xor al, 0x5a
    mov [bx + si], al
    inc si
    cmp si, 256
    jb 2b
    start
1:  mov si, offset copy
    mov di, offset copy
    mov bx, offset table
    mov cx, 512
2:  lodsb
    inc al
    xlat
    stosb
    loop 2b
    mov ax, [copy + 100]
    again
    done

# -- insertion sort of words, indexed --
kernel dos_sort, "dos/sort", 64, "element"
    start
1:  mov dx, 12345
    xor si, si
2:  mov ax, dx
    mov cx, 25173
    mul cx
    add ax, 13849
    mov dx, ax
    mov [keys + si], ax
    add si, 2
    cmp si, 128
    jb 2b
    mov si, 2
3:  mov ax, [keys + si]
    mov bx, si
4:  cmp bx, 0
    je 5f
    cmp ax, [keys + bx - 2]
    jae 5f
    mov dx, [keys + bx - 2]
    mov [keys + bx], dx
    sub bx, 2
    jmp 4b
5:  mov [keys + bx], ax
    add si, 2
    cmp si, 128
    jb 3b
    mov ax, [keys + 64]
    again
    done

# -- sieve of bytes --
kernel dos_sieve, "dos/sieve", 2048, "number"
    start
1:  mov di, offset flags
    mov cx, 2048
    mov al, 1
2:  mov [di], al
    inc di
    dec cx
    jnz 2b
    xor cx, cx
    mov bx, 2
3:  cmp byte ptr [flags + bx], 0
    je 5f
    inc cx
    mov si, bx
    add si, bx
4:  cmp si, 2048
    jae 5f
    mov byte ptr [flags + si], 0
    add si, bx
    jmp 4b
5:  inc bx
    cmp bx, 2048
    jb 3b
    mov ax, cx
    again
    done

# -- CRC-16, bit by bit --
kernel dos_crc, "dos/crc-16", 64, "byte"
    start
1:  mov si, offset words
    mov di, 64
    mov dx, 0xffff
2:  mov al, [si]
    xor ah, ah
    inc si
    xor dh, al
    mov cx, 8
3:  shl dx, 1
    jnc 4f
    xor dx, 0x1021
4:  dec cx
    jnz 3b
    dec di
    jnz 2b
    mov ax, dx
    again
    done

# -- numbers of 32 bits in pairs of 16 --
kernel dos_long, "dos/32-bit sums", 64, "sum"
    start
1:  mov si, offset longs
    mov cx, 64
    xor bx, bx
    xor dx, dx
2:  mov ax, [si]
    add ax, 0x9e37
    mov [si], ax
    adc word ptr [si + 2], 0x79b9
    add bx, ax
    adc dx, [si + 2]
    add si, 4
    dec cx
    jnz 2b
    mov ax, bx
    xor ax, dx
    again
    done

# -- a list of far pointers --
kernel dos_list, "dos/far pointers", 64, "node"
    mov di, offset nodes
    mov cx, 64
2:  lea ax, [di + 8]
    cmp cx, 1
    jne 3f
    xor ax, ax
3:  mov [di], ax
    mov [di + 2], ds
    mov [di + 4], cx
    add di, 8
    loop 2b
    push es
    start
1:  xor dx, dx
    mov bx, offset nodes
    push ds
    pop es
2:  add dx, es:[bx + 4]
    inc word ptr es:[bx + 6]
    les bx, es:[bx]
    test bx, bx
    jnz 2b
    mov ax, dx
    again
    done

# -- copying between two segments, and byte registers --
kernel dos_copy, "dos/copy by ES and DS", 256, "byte"
    start
1:  mov si, offset table
    mov di, offset copy + 512
    mov cx, 256
2:  mov al, [si]
    mov ah, es:[di]
    add al, ah
    and al, 0x7f
    cmp al, ' '
    jae 3f
    add al, ' '
3:  mov es:[di], al
    inc si
    inc di
    loop 2b
    mov ax, [copy + 600]
    again
    done

# -- an interpreter: a jump by a table in the code segment --
bytecode:
    .byte 0, 1, 2, 0, 2, 1, 3, 0, 2, 2, 1, 1, 3, 0, 1, 4
handlers:
    .word op_add, op_xor, op_shift, op_swap, op_end

op_add:
    add ax, dx
    jmp next_op
op_xor:
    xor dx, ax
    jmp next_op
op_shift:
    mov cl, 3
    rol ax, cl
    jmp next_op
op_swap:
    xchg ax, dx
    jmp next_op
op_end:
    jmp di
next_op:
    mov bl, cs:[si]
    xor bh, bh
    inc si
    shl bx, 1
    jmp word ptr cs:[handlers + bx]

kernel dos_bytecode, "dos/bytecode", 16, "instruction of the machine"
    mov dx, 1
    mov di, offset 2f
    start
1:  mov si, offset bytecode
    jmp next_op
2:  again
    done

# -- a matrix of words, IMUL --
kernel dos_matrix, "dos/matrix", 512, "multiply-add"
    xor si, si
2:  mov [matrix + si], si
    add si, 2
    cmp si, 256
    jb 2b
    start
1:  xor di, di                           # row * 16
3:  xor bx, bx                           # column * 2
4:  xor cx, cx
    mov word ptr [bp - 10], 0
    mov word ptr [bp - 12], di
    mov word ptr [bp - 14], bx
5:  mov si, [bp - 12]
    mov ax, [matrix + si]
    mov si, [bp - 14]
    imul word ptr [matrix + 128 + si]
    add cx, ax
    add word ptr [bp - 12], 2
    add word ptr [bp - 14], 16
    inc word ptr [bp - 10]
    cmp word ptr [bp - 10], 8
    jl 5b
    mov [matrix + 256 + bx + di], cx
    add bx, 2
    cmp bx, 16
    jb 4b
    add di, 16
    cmp di, 128
    jb 3b
    mov ax, [matrix + 300]
    again
    done
