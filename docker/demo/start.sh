# Start Asterisk as `pbx` or as `phones`. Its configuration, with the manager's secret, is kept in memory only.
set -eu
cd /run/demo
mkdir -p etc lib log run spool moh
cp -r /demo/both/. "/demo/$1/." etc/
# Asterisk warns about each missing file.
for name in acl ccss cel features indications pjproject udptl; do : > "etc/$name.conf"; done
ln -sf /usr/share/asterisk/sounds/en_US_f_Allison/demo-congrats.wav moh/music.wav
if [ "$1" = pbx ]; then
  sed -i "s/CHANGE-ME/$(cat /run/secrets/ami-secret)/" etc/manager.d/cc_bridge.conf
fi
exec asterisk -f -C /run/demo/etc/asterisk.conf
