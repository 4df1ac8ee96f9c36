# Ports and memory where there are devices and where there are none, string I/O, wide accesses, A20, loops of them.
#! out abcdefgh
#! out ABCD
#! out in e9e9e9e9 00000004
#! out nobody ff ffff ffffffff
#! out memory ffffffff 00
#! out rom after write 00000000
#! out host bridge 12378086
#! out no device ffffffff
#! out pic a5 5a
#! out a20 on 11111111 22222222
#! out a20 off 22222222 22222222
#! out a20 on 11111111 22222222
#! out loop 00030d40
#! out cmos 0000005a
.include "prelude.inc"
main:
    mov esi, offset text
    mov ecx, 8
    mov edx, 0xe9
    rep outsb
    newline
    mov eax, 0x44434241                 # four byte ports wide: E9, then EA, EB, EC, which nobody has
    out 0xe9, eax
    mov al, 'B'
    out 0xe9, al
    mov al, 'C'
    out 0xe9, al
    mov al, 'D'
    out 0xe9, al
    newline

    print "in "
    mov edi, 0x200000
    mov ecx, 4
    cld
    rep insb
    hex [0x200000]
    print " "
    sub edi, 0x200000
    hex edi
    newline

    print "nobody "
    mov edx, 0x5a5a
    in al, dx
    hex eax, 2
    print " "
    in ax, dx
    hex eax, 4
    print " "
    in eax, dx
    hex eax
    newline

    print "memory "
    mov dword ptr [0xe0000000], 0       # goes nowhere
    hex [0xe0000000]
    print " "
    mov al, [0x2000003]                 # right behind the 32 MiB
    hex eax, 2
    newline

    print "rom after write "
    mov dword ptr [0xd0000], 0x12345678
    hex [0xd0000]
    newline

    print "host bridge "
    mov edx, 0xcf8
    mov eax, 0x80000000
    out dx, eax
    mov edx, 0xcfc
    in eax, dx
    hex eax
    newline
    print "no device "
    mov edx, 0xcf8
    mov eax, 0x8000f800
    out dx, eax
    mov edx, 0xcfc
    in eax, dx
    hex eax
    newline

    print "pic "
    mov al, 0xa5
    out 0x21, al
    mov al, 0x5a
    out 0xa1, al
    in al, 0x21
    hex eax, 2
    print " "
    in al, 0xa1
    hex eax, 2
    newline

    mov dword ptr [0x50000], 0x22222222
    mov dword ptr [0x150000], 0x11111111
    print "a20 on "
    call show
    in al, 0x92
    and al, 0xfc
    mov ebx, eax
    jmp low                             # the code that runs with A20 off must be at an even MiB

after_a20:
    hex esi
    print " "
    hex edi
    newline
    print "a20 on "
    call show

    print "loop "
    xor ebx, ebx
    mov ecx, 100000
1:  mov eax, [0xe0001000]               # a device access and a port access each time
    sub ebx, eax
    in al, 0xe9
    cmp al, 0xe9
    jne 2f
    inc ebx
2:  loop 1b
    hex ebx
    newline

    print "cmos "
    mov al, 0x50
    out 0x70, al
    mov al, 0x5a
    out 0x71, al
    mov al, 0x50
    out 0x70, al
    in al, 0x71
    movzx eax, al
    hex eax
    newline
    exit 0

show:
    hex [0x150000]
    print " "
    hex [0x50000]
    newline
    ret

# Copied to 60000h: A20 off, two reads, A20 on, back. Both the keyboard controller and port 92 must let go of it; one is
# enough to bring it back.
low:
    print "a20 off "
    mov esi, offset low_code
    mov edi, 0x60000
    mov ecx, offset low_end - low_code
    rep movsb
    mov eax, 0x60000
    jmp eax
low_code:
    in al, 0x64
    test al, 2
    jnz low_code
    mov al, 0xd1                        # write the output port
    out 0x64, al
1:  in al, 0x64
    test al, 2
    jnz 1b
    mov al, 0xdd                        # all but A20
    out 0x60, al
2:  in al, 0x64
    test al, 2
    jnz 2b
    mov al, bl
    out 0x92, al
    mov esi, [0x150000]
    mov edi, [0x50000]
    or al, 2
    out 0x92, al
    mov eax, offset after_a20
    jmp eax
low_end:

.data
text: .ascii "abcdefgh"
.text
