# The first process of a Linux, as a static program: calls the kernel by the entry that it is told of (AT_SYSINFO), which is the CPU's
# fast system call, shows the entry's code, calls by INT 80h, and powers off.
.intel_syntax noprefix
.globl _start
_start:
    mov esi, esp                        # argc, arguments, 0, environment, 0, auxiliary vector
    mov ecx, [esi]
    lea esi, [esi + ecx * 4 + 8]
1:  lodsd
    test eax, eax
    jnz 1b
2:  lodsd
    mov ebx, eax
    lodsd
    cmp ebx, 32                         # AT_SYSINFO
    je 3f
    test ebx, ebx
    jnz 2b
    jmp off
3:  mov [entry], eax
    mov esi, eax
    mov edi, offset text
    mov ecx, 16
4:  lodsb
    mov ah, al
    shr al, 4
    call digit
    mov al, ah
    and al, 15
    call digit
    loop 4b
    mov eax, 4                          # write
    mov ebx, 1
    mov ecx, offset text
    mov edx, offset text_end - text
    mov ebp, 0x12345678
    mov edi, 0x77
    call [entry]
    cmp eax, offset text_end - text
    jne off
    cmp ebp, 0x12345678
    jne off
    cmp edi, 0x77
    jne off
    mov eax, 4
    mov ecx, offset done
    mov edx, 5
    int 0x80
off:
    mov eax, 88                         # reboot
    mov ebx, 0xfee1dead
    mov ecx, 672274793
    mov edx, 0x4321fedc                 # off
    int 0x80
    jmp off

digit:                                  # AL to [EDI], in hexadecimal
    cmp al, 10
    jb 1f
    add al, 'a' - 10 - '0'
1:  add al, '0'
    stosb
    ret

entry: .long 0
text: .ascii "................................\n"
text_end:
done: .ascii "done\n"
