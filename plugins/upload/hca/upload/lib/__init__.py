"""Parts of the published import path that lie one level deeper."""
