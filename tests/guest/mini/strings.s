# String instructions: directions, overlaps, comparisons, prefixes, 16-bit registers.
#! out forward aaaaaaaa aaaaaaaa 00200010 00200020 00000000
#! out backward 44332211 00001ffc
#! out scasb 00000004 00200105
#! out cmpsb 00000002 below
#! out none 00000000 equal 00200000
#! out pattern 04030201 04030201
#! out lods 00000088
#! out 16-bit 0001ffff ffff0000
#! out zero count 12345678
.include "prelude.inc"
main:
    print "forward "                    # overlapping by one: the first byte spreads
    mov byte ptr [0x20000f], 0xaa
    mov esi, 0x20000f
    mov edi, 0x200010
    mov ecx, 16
    rep movsb
    hex [0x200010]
    print " "
    hex [0x20001c]
    print " "
    sub esi, 15
    hex esi
    print " "
    hex edi
    print " "
    hex ecx
    newline

    print "backward "
    mov dword ptr [0x202000], 0x44332211
    std
    mov esi, 0x202000
    mov edi, 0x203000
    mov ecx, 2
    rep movsd
    cld
    hex [0x203000]
    print " "
    sub esi, 0x200000 - 4
    hex esi
    newline

    print "scasb "
    mov dword ptr [0x200100], 0x04030201
    mov dword ptr [0x200104], 0x08070605
    mov edi, 0x200100
    mov ecx, 9
    mov al, 5
    repne scasb
    hex ecx
    print " "
    hex edi
    newline

    print "cmpsb "
    mov dword ptr [0x200200], 0x61636261    # "abca"
    mov dword ptr [0x200300], 0x61646261    # "abda"
    mov esi, 0x200200
    mov edi, 0x200300
    mov ecx, 5
    repe cmpsb
    pushfd
    hex ecx
    popfd
    jae 1f
    print " below"
1:  newline

    print "none "                       # nothing happens with ECX = 0: ZF stays
    mov esi, 0x200000
    mov edi, 0x200100
    xor ecx, ecx
    cmp eax, eax
    repne cmpsb
    pushfd
    hex ecx
    popfd
    jne 2f
    print " equal "
2:  hex esi
    newline

    print "pattern "                    # an overlap of four: the pattern repeats
    mov dword ptr [0x200400], 0x04030201
    mov esi, 0x200400
    mov edi, 0x200404
    mov ecx, 64
    rep movsb
    hex [0x200404]
    print " "
    hex [0x200440]
    newline

    print "lods "
    mov dword ptr [0x200500], 0x88776655
    mov esi, 0x200500
    mov ecx, 4
    xor eax, eax
    rep lodsb
    hex eax
    newline

    print "16-bit "                     # SI and DI wrap, the upper halves stay; CX counts
    mov esi, 0x0001fffd
    mov edi, 0xfffffffe
    mov ecx, 0x00010002
    .byte 0x67
    rep movsb
    hex esi
    print " "
    hex edi
    newline

    print "zero count "
    mov edi, 0x10000000                 # would fault were it touched: there is no memory, nor any need
    mov dword ptr [0x200600], 0x12345678
    mov ecx, 0
    rep stosd
    hex [0x200600]
    newline
    exit 0
