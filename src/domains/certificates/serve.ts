/** Hands the certificates of the database to the listeners, and tells them of new ones, without a restart. */
import type { Platform } from '../../platform/platform.ts'
import { loadTls, type TlsStore } from '../../platform/tls.ts'
import { changesCertificates, findCertificate } from './lookup.ts'

export type ServedCertificates = Disposable & { tls: TlsStore }

const filesLookMs = 60_000

/** @throws with one clear sentence when the configured files cannot be used. */
export async function startCertificates(platform: Platform): Promise<ServedCertificates> {
  const tls = await loadTls(platform.config, platform.clock.now(), {
    find: (names) => findCertificate(platform, names),
    onError: (cause) => platform.log.error({ event: 'tls.certificate_unreadable', cause }),
  })
  // Also what other nodes were given: their events come here.
  const unsubscribe = platform.bus.subscribe((event) => {
    if (changesCertificates(event)) void tls.refresh()
  })
  const timer = setInterval(() => void tls.refreshIfFilesChanged(), filesLookMs)
  timer.unref()
  return {
    tls,
    [Symbol.dispose]() {
      unsubscribe()
      clearInterval(timer)
    },
  }
}
