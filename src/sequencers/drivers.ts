/** The drivers that there are, by platform. */
import type { SequencerDriver } from './driver.ts'
import { openEmailBison } from './drivers/emailbison.ts'
import { openInstantly } from './drivers/instantly.ts'
import { openLemlist } from './drivers/lemlist.ts'
import type { DriverOptions } from './drivers/options.ts'
import { openPlusVibe } from './drivers/plusvibe.ts'
import { openReply } from './drivers/reply.ts'
import { openSaleshandy } from './drivers/saleshandy.ts'
import { openSmartlead } from './drivers/smartlead.ts'
import { openWoodpecker } from './drivers/woodpecker.ts'
import type { PlatformName } from './platforms.ts'

export type { DriverOptions } from './drivers/options.ts'

/** A file in drivers/ for each of the platforms that have an API. */
export const openers: Partial<Record<PlatformName, (options: DriverOptions) => SequencerDriver>> = {
  instantly: openInstantly,
  smartlead: openSmartlead,
  emailbison: openEmailBison,
  plusvibe: openPlusVibe,
  woodpecker: openWoodpecker,
  saleshandy: openSaleshandy,
  lemlist: openLemlist,
  reply: openReply,
}
