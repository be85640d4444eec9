/**
 * `mailwright doctor`: looks at everything that a server needs, in the order in which it needs it, and says of each in one
 * line whether it is well and what to do if not. It changes nothing, also while the server runs.
 */
import type { ConfigResult } from '../../platform/config.ts'
import { createDns } from '../../platform/dns.ts'
import { type Finding, fail, ok } from './check.ts'
import { checkDatabase } from './database-check.ts'
import { checkCertificate, checkDataDirectory, checkMasterKey } from './file-checks.ts'
import { checkClock, checkHostName, checkOutbound, checkResolver } from './network-checks.ts'
import { checkPorts } from './port-check.ts'

/** @returns the exit code: 1 when something failed. */
export async function doctor(loaded: ConfigResult, write: (text: string) => void): Promise<number> {
  let failed = 0
  const say = (findings: readonly Finding[]): void => {
    for (const { status, subject, text } of findings) {
      if (status === 'FAIL') failed += 1
      write(`${status.padEnd(5)} ${subject.padEnd(15)} ${text}\n`)
    }
  }
  if (!loaded.ok) {
    say(loaded.problems.map((problem) => fail('configuration', problem)))
    return 1
  }
  const { config } = loaded
  const dns = createDns(config)
  say([ok('configuration', 'every variable is known and well formed')])
  say(await checkDataDirectory(config))
  const database = await checkDatabase(config)
  say(database.findings)
  say(await checkMasterKey(config, database.vaultKeyId))
  say(await checkPorts(config))
  say(await checkClock(config, database.now))
  const resolver = await checkResolver(config, dns)
  say(resolver)
  say(await checkHostName(config, dns))
  say(await checkCertificate(config))
  // Without a resolver there is no host to try.
  if (config.relayUrl !== null || resolver.every(({ status }) => status === 'ok')) {
    say(await checkOutbound(config, dns))
  }
  write(
    failed === 0
      ? '\nNothing is in the way.\n'
      : `\n${failed} ${failed === 1 ? 'thing is' : 'things are'} in the way.\n`,
  )
  return failed === 0 ? 0 : 1
}
