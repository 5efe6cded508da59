"""What bench/proxy is made of: Denizen, nginx, HAProxy and Envoy side by side as reverse proxies."""
