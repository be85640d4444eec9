/**
 * Which pages of a browser may call (MCP 2025-11-25, Basic/Transports, Security Warning): a page of somebody else's name,
 * made to resolve to this machine, names itself in Origin. Programs that are no browsers send none.
 */
import type { Platform } from '../platform/platform.ts'

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** Whether the origin (RFC 6454 §7) is a page of this machine or of the platform's own name. */
export function isOwnOrigin({ config: { hostname, publicUrl } }: Platform, origin: string): boolean {
  if (!URL.canParse(origin)) return false
  const { protocol, hostname: name } = new URL(origin)
  if (protocol !== 'http:' && protocol !== 'https:') return false
  if (loopback.has(name) || name === hostname.toLowerCase()) return true
  return publicUrl !== null && name === new URL(publicUrl).hostname
}
