"""Co-reference over rounds (MRCR): which of several like answers was meant?"""
