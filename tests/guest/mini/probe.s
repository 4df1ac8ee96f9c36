# Runs a list of steps that stands behind it (probe.py writes it): calls of interrupts, port accesses, looks at memory. What
# comes of each is a line on the debug port, in hexadecimal.
        .intel_syntax noprefix
        .code16
        .text
        .globl _start

_start: jmp 0:1f
1:      cld
        xor ax, ax
        mov ss, ax
        mov sp, 0x7c00
        mov ds, ax
        sti
        cmp dl, 0xe0                    # a CD-ROM's loader has loaded all
        jae run
        mov bx, 0x7e0
        mov cx, 2
        xor dh, dh
        mov di, 60
2:      mov es, bx
        push bx
        xor bx, bx
        mov ax, 0x0201
        int 0x13
        pop bx
        jc 3f
        add bx, 0x20
        inc cx
        dec di
        jnz 2b
        jmp run
3:      inc dh                          # the track has no such sector: the other side, or the next one
        mov cl, 1
        cmp dh, 2
        jb 2b
        xor dh, dh
        inc ch
        cmp ch, 8
        jb 2b
        mov al, 0x7f
        out 0xf4, al
        .org 0x1b8                      # signature and partition table, in which probe.py writes

        .org 510
        .word 0xaa55

run:    mov si, offset steps
next:   xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov sp, 0x7c00
        cld
        sti
        lodsb
        cmp al, LAST_STEP
        ja finish
        movzx bx, al
        add bx, bx
        jmp [bx + table]
finish: mov al, 0x10
        out 0xf4, al
        jmp finish

table:  .word finish, interrupt, poke, dump, output, input, fill, wait, keys, vga
        .set LAST_STEP, (. - table) / 2 - 1

# 1, vector, EAX EBX ECX EDX ESI EDI EBP, ES, DS: the same afterwards, and the flags
interrupt:
        lodsb
        mov [vector], al
        mov cx, 16
        mov di, offset regs
        rep movsw
        mov [after], si
        mov eax, [regs]
        mov ebx, [regs + 4]
        mov ecx, [regs + 8]
        mov edx, [regs + 12]
        mov edi, [regs + 20]
        mov ebp, [regs + 24]
        mov esi, [regs + 16]
        mov es, [regs + 28]
        clc
        mov ds, [regs + 30]
        .byte 0xcd
vector: .byte 0
        pushf
        push ds
        push 0
        pop ds
        mov [regs], eax
        mov [regs + 4], ebx
        mov [regs + 8], ecx
        mov [regs + 12], edx
        mov [regs + 16], esi
        mov [regs + 20], edi
        mov [regs + 24], ebp
        mov [regs + 28], es
        pop [regs + 30]
        pop [regs + 32]
        sti
        cld
        xor ax, ax
        mov es, ax
        call begin
        mov bp, offset regs
        mov cx, 7
1:      mov eax, [bp]
        add bp, 4
        call put_dword
        loop 1b
        mov cx, 3
1:      mov ax, [bp]
        add bp, 2
        call put_word
        loop 1b
        mov si, [after]
        jmp end_line

# 2, offset, segment, count, bytes
poke:   les di, [si]
        add si, 4
        lodsw
        mov cx, ax
        rep movsb
        jmp next

# 3, offset, segment, count
dump:   les di, [si]
        add si, 4
        lodsw
        mov cx, ax
        call begin
1:      mov al, es:[di]
        inc di
        call put_byte
        loop 1b
end_line:
        mov al, '\n'
        out 0xe9, al
        jmp next

# 4, size, port, value
output: lodsb
        mov cl, al
        lodsw
        mov dx, ax
        lodsd
        cmp cl, 2
        ja 2f
        je 1f
        out dx, al
        jmp next
1:      out dx, ax
        jmp next
2:      out dx, eax
        jmp next

# 5, size, port
input:  lodsb
        mov cl, al
        lodsw
        mov dx, ax
        call begin
        xor eax, eax
        cmp cl, 2
        ja 2f
        je 1f
        in al, dx
        jmp 3f
1:      in ax, dx
        jmp 3f
2:      in eax, dx
3:      call put_dword
        jmp end_line

# 6, offset, segment, count, byte
fill:   les di, [si]
        add si, 4
        lodsw
        mov cx, ax
        lodsb
        rep stosb
        jmp next

# 7, ticks
wait:   lodsw
        mov bx, [0x46c]
1:      hlt
        mov cx, [0x46c]
        sub cx, bx
        cmp cx, ax
        jb 1b
        jmp next

# 8, count, bytes: as if they came from the keyboard (8042, command D2h), each until it has been taken
keys:   lodsb
        movzx bp, al
1:      mov al, 0xd2
        call 4f
        out 0x64, al
        call 4f
        lodsb
        out 0x60, al
        mov cx, 2000                    # until the interrupt handler has taken it
2:      in al, 0x61
        loop 2b
        dec bp
        jnz 1b
        jmp next
4:      push ax
5:      in al, 0x64
        test al, 2
        jnz 5b
        pop ax
        ret

# 9: the registers of a VGA, and its colours
vga:    call begin
        mov dx, 0x3cc
        in al, dx
        call put_byte
        mov bx, 0x3d4                   # CRT controller
        test al, 1
        jnz 1f
        mov bl, 0xb4
1:      mov dx, 0x3c4
        mov cx, 5
        call indexed
        mov dx, bx
        mov cx, 25
        call indexed
        mov dx, 0x3ce
        mov cx, 9
        call indexed
        mov ah, 0
2:      lea dx, [bx + 6]
        in al, dx
        mov dx, 0x3c0
        mov al, ah
        or al, 0x20
        out dx, al
        inc dx
        in al, dx
        call put_byte
        inc ah
        cmp ah, 21
        jb 2b
        mov dx, 0x3c6
        in al, dx
        call put_byte
        mov dx, 0x3c7
        mov al, 0
        out dx, al
        mov dx, 0x3c9
        mov cx, 768
3:      in al, dx
        call put_byte
        loop 3b
        jmp end_line
indexed:
        mov ah, 0
1:      mov al, ah
        out dx, al
        inc dx
        in al, dx
        call put_byte
        dec dx
        inc ah
        loop 1b
        ret

begin:  push si
        mov si, offset prefix
1:      lodsb
        test al, al
        jz 2f
        out 0xe9, al
        jmp 1b
2:      pop si
        ret
prefix: .asciz "\n@"

put_dword:
        ror eax, 16
        call put_word
        ror eax, 16
put_word:
        xchg al, ah
        call put_byte
        xchg al, ah
put_byte:
        push ax
        shr al, 4
        call 1f
        pop ax
        push ax
        and al, 15
        call 1f
        pop ax
        ret
1:      cmp al, 10
        jb 2f
        add al, 39
2:      add al, '0'
        out 0xe9, al
        ret

        .balign 4
regs:   .space 36
after:  .word 0
        .balign 16
steps:
