# The primary master by hand: IDENTIFY, PIO and DMA, reads and writes, with what test_disk.py laid on the disk: sector n
# holds the 32-bit number n in every word. (No expectations here: test_disk.py runs it with a disk.)
.include "prelude.inc"
.equ BUF, 0x200000
.equ PRD, 0x300000

.macro wait_ready
    call ata_wait
.endm

# Registers for a command on count sectors at a sector below 2^28
.macro command cmd, sector, count
    mov edx, 0x1f2
    mov al, \count
    out dx, al
    inc edx
    mov eax, \sector
    out dx, al
    inc edx
    shr eax, 8
    out dx, al
    inc edx
    shr eax, 8
    out dx, al
    inc edx
    shr eax, 8
    or al, 0xe0
    out dx, al
    inc edx
    mov al, \cmd
    out dx, al
.endm

main:
    mov al, 2                           # no interrupts: polled
    mov edx, 0x3f6
    out dx, al
    wait_ready

    print "sectors "
    command 0xec, 0, 0                  # IDENTIFY DEVICE
    call ata_wait_data
    mov edi, BUF
    mov ecx, 256
    mov edx, 0x1f0
    rep insw
    hex [BUF+120]
    newline

    print "pio read "
    command 0x20, 5, 3                  # READ SECTORS
    mov edi, BUF
    mov ebx, 3
1:  call ata_wait_data
    mov ecx, 256
    mov edx, 0x1f0
    rep insw
    dec ebx
    jnz 1b
    wait_ready
    hex [BUF]
    print " "
    hex [BUF+1532]
    print " status "
    hex eax, 2
    newline

    print "pio write "
    mov edi, BUF
    mov ecx, 256
    mov eax, 0xa5a50001
    rep stosd
    command 0x30, 9, 2                  # WRITE SECTORS
    mov esi, BUF
    mov ebx, 2
2:  call ata_wait_data
    mov ecx, 256
    mov edx, 0x1f0
    rep outsw
    dec ebx
    jnz 2b
    wait_ready
    command 0x20, 9, 1
    call ata_wait_data
    mov edi, BUF + 0x1000
    mov ecx, 128
    mov edx, 0x1f0
    rep insd
    hex [BUF+0x1000]
    newline

    print "bus master "
    call find_ide
    test ebp, ebp
    jz none
    mov eax, ebx                        # class and vendor were right: enable I/O and bus mastering
    or eax, 4
    mov edx, 0xcf8
    out dx, eax
    mov edx, 0xcfc
    in eax, dx
    or eax, 5
    out dx, eax
    mov eax, ebx
    or eax, 0x20
    mov edx, 0xcf8
    out dx, eax
    mov edx, 0xcfc
    in eax, dx
    and eax, 0xfffc
    jnz 3f
    mov eax, 0xc001                     # nobody gave it an address
    out dx, eax
    mov eax, 0xc000
3:  mov ebp, eax
    print "found\n"

    # 8 sectors from 16 on, into two pieces, the second one unaligned to a page
    mov dword ptr [PRD], BUF + 0x2000
    mov dword ptr [PRD + 4], 0x200
    mov dword ptr [PRD + 8], BUF + 0x3f00
    mov dword ptr [PRD + 12], 0x80000e00
    mov al, 8                           # to memory
    call dma_prepare
    command 0xc8, 16, 8                 # READ DMA
    mov al, 9
    call dma_run
    print "dma read "
    hex [BUF+0x2000]
    print " "
    hex [BUF+0x3f00]
    print " "
    hex [BUF+0x4cfc]
    print " status "
    hex esi, 2
    newline

    mov edi, BUF
    mov ecx, 1024
    mov eax, 0x5a5a0000
4:  stosd
    inc eax
    loop 4b
    mov dword ptr [PRD], BUF
    mov dword ptr [PRD + 4], 0x80001000
    mov al, 0
    call dma_prepare
    command 0xca, 32, 8                 # WRITE DMA
    mov al, 1
    call dma_run
    print "dma write status "
    hex esi, 2
    newline
    command 0xe7, 0, 0                  # FLUSH CACHE
    wait_ready

    print "beyond the end "
    command 0x20, 0x0ffffff0, 1
    wait_ready
    mov edx, 0x1f1
    in al, dx
    hex eax, 2
    newline

    print "interrupt "
    mov al, 0x11                        # both controllers: vectors 20 to 2f, only IRQ 14
    out 0x20, al
    out 0xa0, al
    mov al, 0x20
    out 0x21, al
    mov al, 0x28
    out 0xa1, al
    mov al, 4
    out 0x21, al
    mov al, 2
    out 0xa1, al
    mov al, 1
    out 0x21, al
    out 0xa1, al
    mov al, 0xfb
    out 0x21, al
    mov al, 0xbf
    out 0xa1, al
    hook 0x2e, on_irq14
    mov edx, 0x3f6
    xor eax, eax
    out dx, al
    command 0x20, 7, 1
5:  sti
    hlt
    cli
    cmp dword ptr [irqs], 1
    jb 5b
    mov edi, BUF
    mov ecx, 256
    mov edx, 0x1f0
    rep insw
    hex [BUF]
    print " "
    hex [irqs]
    newline
    exit 0

none:
    print "none\n"
    exit 1

on_irq14:
    inc dword ptr [irqs]
    mov edx, 0x1f7                      # acknowledges it
    in al, dx
    mov al, 0x20
    out 0xa0, al
    out 0x20, al
    ret

ata_wait:                               # until neither busy nor in a transfer; AL: status
    mov edx, 0x1f7
1:  in al, dx
    test al, 0x88
    jnz 1b
    ret

ata_wait_data:
    mov edx, 0x1f7
1:  in al, dx
    test al, 0x80
    jnz 1b
    test al, 8
    jz 1b
    ret

find_ide:                               # EBX: its address for CF8; EBP: whether it is there
    mov ebx, 0x80000000
1:  lea eax, [ebx + 8]
    mov edx, 0xcf8
    out dx, eax
    mov edx, 0xcfc
    in eax, dx
    shr eax, 16
    cmp eax, 0x0101
    je 2f
    add ebx, 0x100
    cmp ebx, 0x80010000
    jb 1b
    xor ebp, ebp
    ret
2:  mov ebp, 1
    ret

dma_prepare:                            # AL: direction
    lea edx, [ebp]
    out dx, al
    lea edx, [ebp + 4]
    mov eax, PRD
    out dx, eax
    lea edx, [ebp + 2]
    in al, dx
    or al, 6                            # clears interrupt and error
    out dx, al
    ret

dma_run:                                # AL: start; ESI: bus master's status at the end
    lea edx, [ebp]
    out dx, al
    lea edx, [ebp + 2]
1:  in al, dx
    test al, 1
    jnz 1b
    and eax, 7
    mov esi, eax
    call ata_wait
    lea edx, [ebp]
    xor eax, eax
    out dx, al
    ret
.data
irqs: .long 0
.text
