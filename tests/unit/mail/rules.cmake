# rules of minting
