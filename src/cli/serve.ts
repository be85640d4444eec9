/** `mailwright serve`: starts the server, says where it is, and stops it in order when asked to. */
import type { Config } from '../platform/config.ts'
import { type Server, startServer } from '../server.ts'
import { banner } from './banner.ts'

// Longer than any listener's own bound: past it something hangs, and waiting does not help.
const stopMsMax = 30_000

export async function serve(config: Config): Promise<void> {
  const startedAt = performance.now()
  const stopAsked = signalled()
  const server = await startServer(config)
  process.stdout.write(banner(config, server, performance.now() - startedAt))
  const reason = await Promise.race([stopAsked, server.failed])
  await stop(server, reason)
}

/** Resolves at the first SIGTERM or SIGINT. A second one ends the process at once. */
function signalled(): Promise<null> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        resolve(null)
        process.once(signal, () => process.exit(1))
      })
    }
  })
}

/** @param failure why the server could not go on, or null when it was asked to stop. */
async function stop(server: Server, failure: string | null): Promise<never> {
  const { log } = server.platform
  if (failure === null) log.info({ event: 'server.stopping' })
  else log.fatal({ event: 'server.failed', reason: failure })
  const deadline = setTimeout(() => {
    log.error({ event: 'server.stop_timed_out', afterMs: stopMsMax })
    process.exit(1)
  }, stopMsMax)
  await server[Symbol.asyncDispose]()
  clearTimeout(deadline)
  process.exit(failure === null ? 0 : 1)
}
