"""Transform nets as compiled engines: net and style files, backends, and the cache of compiled nets. No torch."""
