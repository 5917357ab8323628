/** Express's router, which it has from this package. */
declare module "router" {
  import type { Router } from "express";

  const router: typeof Router;
  export default router;
}
