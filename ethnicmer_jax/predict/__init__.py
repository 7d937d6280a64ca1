"""Trained networks on clips of one's own: inputs -> clips -> probabilities -> files and page.

    request   what is asked for: inputs, coded frames, what is known of the person
    inputs    an input, as it is named, -> the clips that it holds and what is wrong with it
    recordings  a film without coding -> clips; the seam for whoever looks for intervals in it
    pixels    a clip -> crops and flow, by the code and options that built the database
    run       all of it: `run(directory, request)` -> Outcomes
    outcomes  probabilities of every clip under every network, and over the networks
    output    Outcomes -> CSV and JSON; terminal
    page      Outcomes -> a page

**The seam of long recordings.** A video, a folder of frames or an array of frames is a
`recordings.Recording`. `Request.cutter` turns it into the parts that are clips, each a
`recordings.Cut` of onset, apex and offset ("" for what is to be found): `recordings.whole` makes
one clip of all of it, `predict.spotting` as many as there are candidate intervals. Everything
behind the seam is the same for both.
"""
