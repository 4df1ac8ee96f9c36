# System management mode through port B2h: entry state, save map, relocation of SMBASE, SMRAM that only SMM sees, I/O
# restart, an SMI in SMM, locked SMRAM, RSM outside.
#! out hidden ff open 66
#! out first 0000b2e6 01 ebx 11223344 cr0 00000010 flags 00000046 cs 3000 map 11223344 00000011 00030000 00030000 0010 
#! out closed ff
#! out second S
#! out a register S51515151
#! out restart SS
#! out in smm SxS
#! out io state S00;20003 S00;20023 S
#! out from paging S80000011 10
#! out locked 1a ffS
#! out rsm #06 0000
.include "prelude.inc"

.macro pci address                      # selects a register of configuration space
    mov eax, 0x80000000 + \address
    mov edx, 0xcf8
    out dx, eax
    mov edx, 0xcfc + (\address & 3)
.endm

.macro smram value
    pci 0x72
    mov al, \value
    out dx, al
.endm

.macro word name, digits=8
    hex [\name], \digits
    print " "
.endm

main:
    # As firmware does: a first handler at 3000:8000 that moves SMBASE to A000:0, the real one in SMRAM.
    mov esi, offset first
    mov edi, 0x38000
    mov ecx, offset first_end - first
    rep movsb
    mov byte ptr [0xa8000], 0xf4        # not there yet
    mov al, [0xa8000]
    print "hidden "
    hex eax, 2
    smram 0x4a                          # enabled and open
    mov esi, offset handler
    mov edi, 0xa8000
    mov ecx, offset handler_end - handler
    rep movsb
    mov al, [0xa8000]
    print " open "
    hex eax, 2
    newline
    pci 0xb5b                           # APMC_EN
    mov al, 2
    out dx, al
    mov edx, 0x628
    mov eax, 1                          # SMI_EN
    out dx, eax

    print "first "
    mov ebx, 0x11223344
    mov ecx, 0xcccc
    stc
    mov al, 0x5a
    out 0xb2, al
    setc [carry]
    word saved_eip_ok
    word carry, 2
    print "ebx "
    hex ebx
    print " cr0 "
    word entry_cr0
    print "flags "
    word entry_flags
    print "cs "
    word entry_cs, 4
    print "map "
    word saved_ebx
    word saved_cr0
    word saved_smbase
    word saved_revision
    word saved_cs, 4
    newline

    smram 0x0a                          # closed to all but SMM
    mov al, [0xa8000]
    print "closed "
    hex eax, 2
    newline

    print "second "
    mov al, 1
    out 0xb2, al
    newline
    print "a register "
    mov al, 2                           # the handler changes ESI in the map
    out 0xb2, al
    hex esi
    newline
    print "restart "                    # the OUT runs twice
    mov al, 3
    out 0xb2, al
    newline
    print "in smm "                     # asks for another one, which comes after RSM
    mov al, 4
    out 0xb2, al
    newline
    print "io state "
    mov edx, 0xb2
    mov al, 5
    out dx, al
    print " "
    mov esi, offset five
    outsb
    print " "
    mov al, 6                           # leaves SMRAM's pages as it found them: data closed
    out 0xb2, al
    newline
    print "from paging "
    mov edi, 0x380000                   # 4 MiB one to one
    mov eax, 0x83
    mov [edi], eax
    mov cr3, edi
    mov eax, cr4
    or eax, 0x10
    mov cr4, eax
    mov eax, cr0
    or eax, 0x80000000
    mov cr0, eax
    jmp 1f
1:  mov al, 1
    out 0xb2, al
    mov eax, cr0
    hex eax
    mov eax, cr4
    print " "
    hex eax, 2
    newline

    print "locked "
    smram 0x1a
    smram 0x4a
    pci 0x72
    in al, dx
    hex eax, 2
    print " "
    mov al, [0xa8000]
    hex eax, 2
    mov al, 1
    out 0xb2, al
    newline
    print "rsm "
    faults rsm
    exit 0

.code16
first:                                  # DS: base 0, 4 GiB
    xor edi, edi
    mov ebp, 0x3ff00
    mov eax, cr0
    mov [edi+entry_cr0], eax
    pushfd
    pop eax
    mov [edi+entry_flags], eax
    mov ax, cs
    mov [edi+entry_cs], ax
    mov eax, [ebp+0xdc]
    mov [edi+saved_ebx], eax
    mov eax, [ebp+0xfc]
    mov [edi+saved_cr0], eax
    mov eax, [ebp-8]
    mov [edi+saved_smbase], eax
    mov eax, [ebp-4]
    mov [edi+saved_revision], eax
    mov eax, [ebp+0xac]
    mov [edi+saved_cs], eax
    mov eax, [ebp+0xf0]                 # EIP is behind the OUT
    mov ax, [eax-2]
    mov [edi+saved_eip_ok], ax
    mov dword ptr [ebp-8], 0xa0000
    mov ebx, 0
    clc
    rsm
first_end:

handler:
    mov ebp, 0xaff00
    mov al, 'S'
    out 0xe9, al
    in al, 0xb2
    cmp al, 2
    jne 1f
    mov dword ptr [ebp+0xe8], 0x51515151
1:  cmp al, 3
    jne 1f
    mov al, 9                           # what the port holds: the second OUT makes it 3 again
    cmp byte ptr cs:[restarted - handler + 0x8000], 0
    jne 1f
    inc byte ptr cs:[restarted - handler + 0x8000]
    mov byte ptr [ebp], 0xff
1:  cmp al, 4
    jne 1f
    mov al, 1
    out 0xb2, al
    mov al, 'x'
    out 0xe9, al
1:  in al, 0xb2
    cmp al, 5
    jne 1f
    mov eax, [ebp+0xa4]
    mov cx, 8
2:  rol eax, 4
    push ax
    and al, 15
    add al, '0'
    out 0xe9, al
    pop ax
    loop 2b
1:  rsm
restarted: .byte 0
handler_end:
.code32
.data
carry: .byte 0, 0, 0, 0
saved_eip_ok: .long 0
entry_cr0: .long 0
entry_flags: .long 0
entry_cs: .long 0
saved_ebx: .long 0
saved_cr0: .long 0
saved_smbase: .long 0
saved_revision: .long 0
saved_cs: .long 0
five: .byte 5
.text
