"""Train faces for a minute, export them, and walk from one face to another: python examples/quickstart.py"""

import ganzoo

run = ganzoo.train("dcgan-faces-32", max_minutes=1)
generator = ganzoo.load(ganzoo.export(run))
generator.grid(range(64)).save("faces.png")
generator.interpolate(1, 2, frames=24).save("walk.gif")
print("faces.png and walk.gif are here")
